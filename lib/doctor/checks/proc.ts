import type { MountInfo } from '../../mounts/info.js';
import { type Check, direct, type Examine } from '../check.js';
import { engineCure } from '../engine.js';
import { mountsOf } from '../mountinfo.js';

/** File systems that belong below /proc. */
const ORDINARY = ['/proc/sys/fs/binfmt_misc', '/proc/fs/nfsd'];

function named(paths: string[]): string {
  return paths.length > 3 ? `${paths.slice(0, 3).join(', ')} and ${paths.length - 3} more` : paths.join(', ');
}

function optionOf(mounts: MountInfo[], name: string): string | undefined {
  const proc = mounts.filter(({ target, type }) => target === '/proc' && type === 'proc').at(-1);
  return proc?.superOptions.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}

export const proc: Examine = async (probe): Promise<Check> => {
  const name = '/proc';
  if ((await probe.identity('/proc/self/ns/net')) === undefined) {
    return {
      name,
      ok: false,
      found: 'not mounted, or not that of this pid namespace',
      cure: 'mount -t proc proc /proc',
      required: true,
    };
  }
  const mounts = await mountsOf(probe);
  const over = [...new Set(mounts.map(({ target }) => target))].filter(
    (point) => point.startsWith('/proc/') && !ORDINARY.includes(point),
  );
  const check = { name, ok: false, required: false };
  if (optionOf(mounts, 'subset') === 'pid')
    return {
      ...check,
      found: 'mounted with subset=pid: without /proc/sys, so no sysctls',
      cure: await engineCure(probe, 'proc'),
    };
  if (over.length)
    return {
      ...check,
      found: `masked by mounts on ${named(over)}: programs in a user and pid namespace cannot mount their own`,
      cure: await engineCure(probe, 'proc'),
    };
  const hidden = optionOf(mounts, 'hidepid') ?? '0';
  if (!['0', 'off'].includes(hidden) && !direct(probe))
    return {
      ...check,
      found: `mounted with hidepid=${hidden}: the namespaces of other users' processes are not listed`,
      cure: 'sudo mount -o remount,hidepid=0 /proc, or hidepid=0 for it in /etc/fstab',
    };
  return { ...check, ok: true, found: 'mounted, nothing hidden' };
};
