import type { RootTree } from 'nsnet';
import { within } from '../../../lib/syscalls/inside.js';
import { Steps } from '../../../lib/syscalls/steps.js';
import { privileged } from '../../support/privileges.js';
import { run } from '../../support/witness.js';

/** The error of opening a path in the tree, and what it is: the file's device number and type. */
export async function look(tree: RootTree, path: string) {
  const steps = new Steps();
  const status = steps.add('statx', [-100, path, 0x100, 0x7ff, 256]);
  const outcome = await within({ inside: { mnt: tree.namespace } }, (inside) =>
    steps.run(inside, { move: true }),
  );
  if (outcome.failed) return { error: outcome.errno };
  const bytes = Buffer.from(outcome.room(status));
  const types: Record<number, string> = { 2: 'character device', 4: 'directory', 8: 'file', 10: 'link' };
  return {
    type: types[bytes.readUInt16LE(28) >> 12],
    device: `${bytes.readUInt32LE(128)}:${bytes.readUInt32LE(132)}`,
  };
}

/** What a shell prints that may mount as it likes: in a mount namespace of its own, and rootless in a user namespace. */
export function elsewhere(script: string, ...args: string[]): Promise<string> {
  const own = privileged ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  return run('unshare', [...own, '--propagation', 'private', 'sh', '-ec', script, 'sh', ...args]);
}
