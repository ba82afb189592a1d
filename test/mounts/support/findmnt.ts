import type { MountInfo } from 'nsnet';
import { optionWords } from '../../../lib/mounts/info.js';

/** What findmnt is asked for, so that its answer can be compared with ours. */
export const FINDMNT = [
  '--json',
  '--list',
  '--nofsroot',
  '--output=ID,PARENT,MAJ:MIN,FSROOT,TARGET,FSTYPE,SOURCE,VFS-OPTIONS,FS-OPTIONS,PROPAGATION',
];

type Row = Record<string, string | number | null>;

export function rowsOf(text: string): Row[] {
  const { filesystems } = JSON.parse(text) as { filesystems: Row[] };
  return filesystems.map((row) => ({ ...row, 'maj:min': String(row['maj:min']).trim() }));
}

/** As findmnt would print it. */
export function asRow(mount: MountInfo): Row {
  const { id, parent, device, root, deleted, target, type, subtype, source, options } = mount;
  const { superOptions, propagation, master } = mount;
  const sends = propagation === 'unbindable' ? 'private,unbindable' : propagation;
  return {
    id,
    parent,
    'maj:min': device,
    fsroot: deleted ? `${root}//deleted` : root,
    target,
    fstype: subtype === undefined ? type : `${type}.${subtype}`,
    source,
    'vfs-options': optionWords(options).join(),
    'fs-options': superOptions.join(),
    propagation: sends === 'slave' ? 'private,slave' : master === undefined ? sends : `${sends},slave`,
  };
}
