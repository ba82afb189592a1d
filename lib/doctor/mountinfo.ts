import type { MountInfo } from '../mounts/info.js';
import { parseMountinfo } from '../mounts/mountinfo.js';
import type { Probes } from './probes.js';

/** The mounts that a process sees, in the order they were made; empty where that cannot be read. */
export async function mountsOf(probe: Probes, pid: 'self' | number = 'self'): Promise<MountInfo[]> {
  return [...parseMountinfo(Buffer.from((await probe.text(`/proc/${pid}/mountinfo`)) ?? ''))];
}

/** The mount that a path is on. */
export function mountOf(mounts: MountInfo[], path: string): MountInfo | undefined {
  const holds = ({ target }: MountInfo) =>
    target === '/' || path === target || path.startsWith(target.endsWith('/') ? target : `${target}/`);
  // Of several on the same point the last one hides the others.
  return mounts
    .filter(holds)
    .reduce<MountInfo | undefined>(
      (best, mount) => (best && best.target.length > mount.target.length ? best : mount),
      undefined,
    );
}
