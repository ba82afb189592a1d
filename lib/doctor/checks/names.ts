import { NETNS_DIRECTORY } from '../../namespaces/names.js';
import { whyRefused } from '../causes/index.js';
import { type Check, direct, type Examine, refusal, told } from '../check.js';
import { engineCure } from '../engine.js';
import { mountOf, mountsOf } from '../mountinfo.js';
import type { Probes } from '../probes.js';

/** Whether a name made here shows in the mount namespace of the first process. Undefined where nobody can tell. */
async function seenOutside(probe: Probes): Promise<boolean | undefined> {
  const [own, first] = await Promise.all([
    probe.identity('/proc/self/ns/mnt'),
    probe.identity('/proc/1/ns/mnt'),
  ]);
  if (own === undefined || first === undefined) return undefined;
  if (own === first) return true;
  const shared = mountOf(await mountsOf(probe), NETNS_DIRECTORY)?.shared;
  return shared !== undefined && (await mountsOf(probe, 1)).some((mount) => mount.shared === shared);
}

/** Where the first directory would be made that is missing. */
async function unwritable(probe: Probes): Promise<{ path: string; code: string } | undefined> {
  for (const path of [NETNS_DIRECTORY, '/run']) {
    const code = await probe.unwritable(path);
    if (code === undefined) return undefined;
    if (code !== 'ENOENT') return { path, code };
  }
  return { path: '/run', code: 'ENOENT' };
}

/** Names under /run/netns, which `ip netns` shows. Never required: namespaces need no name. */
export const names: Examine = async (probe): Promise<Check> => {
  const check = { name: 'names', ok: false, required: false };
  if (!direct(probe)) {
    return { ...check, ok: true, found: 'labels in this process; pinning under /run/netns needs privileges' };
  }
  const blocked = await unwritable(probe);
  if (blocked) {
    const { path, code } = blocked;
    const why =
      code === 'EROFS' ? 'is read-only' : code === 'ENOENT' ? 'is missing' : `cannot be written to (${code})`;
    return { ...check, found: `${path} ${why}`, cure: await engineCure(probe, 'run') };
  }
  const refused = refusal(await probe.mount());
  if (refused) {
    const { why, cure } = await whyRefused(probe, refused);
    return { ...check, found: `nothing can be mounted: ${told(refused)}; ${why}`, cure };
  }
  if ((await seenOutside(probe)) === false) {
    return {
      ...check,
      found: 'this process is in a mount namespace of its own: nobody outside sees the names it makes',
      cure: 'Start it outside: nsenter --mount=/proc/1/ns/mnt node …; in a systemd unit, leave out PrivateMounts=, PrivateTmp=, ProtectSystem= and the like',
    };
  }
  return { ...check, ok: true, found: 'can be pinned under /run/netns' };
};
