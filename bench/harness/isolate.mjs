// Runs a program in a new network namespace, with a mount namespace in which /run is empty: the names that peers
// pin under /run/netns are seen by nobody else, and all is gone with the program.
import { spawnSync } from 'node:child_process';

const IN_PRIVATE_RUN = 'mount -t tmpfs nsnetbench /run && mkdir /run/netns && eval "$0" && exec "$@"';

/** @param {{ prepare?: string }} options prepare: a shell command run inside first, unmeasured */
export function isolated(command, { prepare = ':' } = {}) {
  const asRoot = process.getuid() === 0 ? [] : ['--map-root-user'];
  return ['unshare', ...asRoot, '--net', '--mount', 'sh', '-c', IN_PRIVATE_RUN, prepare, ...command];
}

/** Why programs cannot be isolated here, or undefined. */
export function isolationProblem() {
  const [file, ...args] = isolated(['true']);
  const run = spawnSync(file, args, { encoding: 'utf8' });
  if (run.error) return `${file}: ${run.error.message}`;
  return run.status === 0 ? undefined : run.stderr.trim();
}
