import { NETNS_DIRECTORY } from '../../namespaces/names.js';
import { whyRefused } from '../causes/index.js';
import { type Check, direct, type Examine, refusal, told } from '../check.js';
import { engineCure } from '../engine.js';
import { mountOf, mountsOf } from '../mountinfo.js';
import type { Probes } from '../probes.js';

/** The first process and this one's ancestors, as far as /proc shows them. */
async function ancestors(probe: Probes): Promise<number[]> {
  const pids = [1];
  let pid: number | 'self' = 'self';
  for (;;) {
    // The command's name is in parentheses and may hold any character, parentheses included.
    const stat: string = (await probe.text(`/proc/${pid}/stat`)) ?? '';
    pid = Number(/^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1] ?? 0);
    if (pid <= 1 || pids.includes(pid)) return pids;
    pids.push(pid);
  }
}

/** A process outside of this one's mount namespace that does not see the names made here. */
async function whoSeesNone(probe: Probes): Promise<number | undefined> {
  const own = await probe.identity('/proc/self/ns/mnt');
  const shared = mountOf(await mountsOf(probe), NETNS_DIRECTORY)?.peerGroup;
  for (const pid of await ancestors(probe)) {
    const other = await probe.identity(`/proc/${pid}/ns/mnt`);
    if (own === undefined || other === undefined || other === own) continue;
    const mounts = await mountsOf(probe, pid);
    if (shared === undefined || !mounts.some((mount) => mount.peerGroup === shared)) return pid;
  }
  return undefined;
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
  const outside = await whoSeesNone(probe);
  if (outside !== undefined) {
    return {
      ...check,
      found: 'this process is in a mount namespace of its own: nobody outside sees the names it makes',
      cure: `Start it outside: nsenter --mount=/proc/${outside}/ns/mnt node …; in a systemd unit, leave out PrivateMounts=, PrivateTmp=, ProtectSystem= and the like`,
    };
  }
  return { ...check, ok: true, found: 'can be pinned under /run/netns' };
};
