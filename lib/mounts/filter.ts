import { posix } from 'node:path';
import type { Call } from '../handles/listing.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidValue,
} from '../syscalls/validate.js';
import type { MountInfo } from './info.js';

/** Which mounts: those that have all of it. */
export interface MountFilter {
  /** The mount point. Several mounts may be on one; only the last can be seen. */
  target?: string;
  /** Mount points at or below this directory. Symbolic links are not followed. */
  under?: string;
  /** 'fuse.sshfs', or 'fuse' for all of them. */
  type?: string;
  subtype?: string;
  source?: string;
  /** What of the file system is seen. */
  root?: string;
  /** 'major:minor'. */
  device?: string;
  id?: number;
  uniqueId?: number;
  /** The mounts right on this one. */
  parent?: number;
  propagation?: MountInfo['propagation'];
  peerGroup?: number;
  master?: number;
}

const TEXTS = ['target', 'under', 'type', 'subtype', 'source', 'root', 'device'] as const;
const PATHS = ['target', 'under'] as const;
const NUMBERS = ['id', 'uniqueId', 'parent', 'peerGroup', 'master'] as const;
const PROPAGATIONS: readonly unknown[] = ['shared', 'slave', 'private', 'unbindable'];

export function checkFilter(filter: MountFilter & Call): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, [...TEXTS, ...NUMBERS, 'propagation', 'signal']);
  for (const key of TEXTS) if (filter[key] !== undefined) checkString(key, filter[key]);
  for (const key of PATHS) {
    if (filter[key]?.startsWith('/') === false) throw invalidValue(key, 'an absolute path', filter[key]);
  }
  for (const key of NUMBERS) {
    if (filter[key] !== undefined) checkInteger(key, filter[key], 0, Number.MAX_SAFE_INTEGER);
  }
  const { propagation } = filter;
  if (propagation !== undefined && !PROPAGATIONS.includes(propagation)) {
    throw invalidValue('propagation', PROPAGATIONS.join(', '), propagation);
  }
  checkSignal(filter.signal);
}

/** Without '.', '..' and doubled or trailing slashes. */
function tidy(path: string): string {
  const short = posix.normalize(path);
  return short.length > 1 && short.endsWith('/') ? short.slice(0, -1) : short;
}

/** Whether a mount is one of them. */
export function matcher(filter: MountFilter): (mount: MountInfo) => boolean {
  const { target, under, type, ...rest } = filter;
  const same = Object.entries(rest).filter(([, value]) => value !== undefined) as [
    keyof MountInfo,
    unknown,
  ][];
  const at = target === undefined ? undefined : tidy(target);
  const above = under === undefined ? undefined : tidy(under);
  const below = above === '/' ? '/' : `${above}/`;
  return (mount) =>
    same.every(([key, value]) => mount[key] === value) &&
    (at === undefined || mount.target === at) &&
    (above === undefined || mount.target === above || mount.target.startsWith(below)) &&
    (type === undefined || mount.type === type || typeOf(mount) === type);
}

/** As mount(8) writes it: with the subtype. */
export function typeOf({ type, subtype }: MountInfo): string {
  return subtype === undefined ? type : `${type}.${subtype}`;
}
