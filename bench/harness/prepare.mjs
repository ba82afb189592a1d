// Gets the peers ready: installs what is missing where that can be done, builds what must be built.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { peers } from './peers.mjs';

const absent = (names) => names.filter((name) => !peers[name].present());

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Its progress goes to standard error: standard output is for the results.
  return spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env }).status === 0;
}

function install(names, log) {
  const packages = names.flatMap((name) => peers[name].packages ?? []);
  if (packages.length === 0 || process.getuid() !== 0 || !existsSync('/etc/debian_version')) return;
  log(`installing ${packages.join(' ')}`);
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  if (!aptGet(...args) && aptGet('update')) aptGet(...args);
}

/** Makes the named peers ready and returns, for those that cannot be measured, the reason: { go: '…' }. */
export function prepare(names, { install: mayInstall, log }) {
  if (mayInstall) install(absent(names), log);
  const reasons = {};
  for (const name of absent(names)) {
    reasons[name] = peers[name].missing ?? `not installed (${peers[name].packages.join(' ')})`;
  }
  for (const name of names) {
    if (reasons[name] || !peers[name].build) continue;
    log(`building the programs of ${name}`);
    try {
      peers[name].build();
    } catch (error) {
      reasons[name] = `does not build: ${error.message.split('\n').slice(0, 3).join(' ')}`;
    }
  }
  return reasons;
}
