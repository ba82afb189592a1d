import type { Probes } from './probes.js';

/** A line of /proc/<pid>/mountinfo. */
export interface MountLine {
  /** The mount point. */
  point: string;
  /** Options of the mount and of its file system. */
  options: string[];
  /** The peer group it is shared in. */
  shared?: string;
  type: string;
}

const plain = (path: string) =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

export function parseMountinfo(text: string): MountLine[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , point, options = '', ...tags] = before.split(' ');
    const [type, , superOptions = ''] = after.split(' ');
    if (point === undefined || type === undefined) return [];
    const shared = tags.find((tag) => tag.startsWith('shared:'));
    return [
      {
        point: plain(point),
        options: [...options.split(','), ...superOptions.split(',')],
        ...(shared !== undefined && { shared }),
        type,
      },
    ];
  });
}

/** The mounts that a process sees, in the order they were made; empty where that cannot be read. */
export async function mountsOf(probe: Probes, pid: 'self' | number = 'self'): Promise<MountLine[]> {
  return parseMountinfo((await probe.text(`/proc/${pid}/mountinfo`)) ?? '');
}

/** The mount that a path is on. */
export function mountOf(mounts: MountLine[], path: string): MountLine | undefined {
  const holds = ({ point }: MountLine) =>
    point === '/' || path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`);
  // Of several on the same point the last one hides the others.
  return mounts
    .filter(holds)
    .reduce<MountLine | undefined>(
      (best, mount) => (best && best.point.length > mount.point.length ? best : mount),
      undefined,
    );
}
