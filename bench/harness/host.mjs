// The machine, for the record.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, release } from 'node:os';

function firstLine(file, ...args) {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  return (stdout || stderr || '').split('\n')[0] || undefined;
}

export const host = () => ({
  kernel: release(),
  arch: process.arch,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  node: process.versions.node,
  cc: firstLine('cc', '--version'),
  go: firstLine('go', 'version'),
  ip: firstLine('ip', '-V'),
});
