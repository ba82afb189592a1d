import { checkBoolean, invalidValue } from '../syscalls/validate.js';
import { MOUNT_ATTR, MS } from './constants.js';

/** How mounts and unmounts below travel between this mount and its peers, mount_namespaces(7). */
export type Propagation = 'private' | 'shared' | 'slave' | 'unbindable';

/** What a mount allows, whatever its file system does: mount_setattr(2). Those left out stay as they are. */
export interface MountFlags {
  /** Set-user-ID bits and file capabilities have no effect. */
  nosuid?: boolean;
  /** Device nodes cannot be opened. */
  nodev?: boolean;
  /** Programs cannot be run. */
  noexec?: boolean;
  /** Symbolic links are not followed (Linux 5.10). */
  nosymfollow?: boolean;
  /** Which access times are written: 'relatime' (Linux's default) only where they were older than the modification. */
  atime?: 'relatime' | 'noatime' | 'strictatime';
  nodiratime?: boolean;
  propagation?: Propagation;
}

export type AllFlags = MountFlags & { readonly?: boolean };

export const FLAG_KEYS = [
  'readonly',
  'nosuid',
  'nodev',
  'noexec',
  'nosymfollow',
  'atime',
  'nodiratime',
  'propagation',
] as const;

const BITS = {
  readonly: MOUNT_ATTR.RDONLY,
  nosuid: MOUNT_ATTR.NOSUID,
  nodev: MOUNT_ATTR.NODEV,
  noexec: MOUNT_ATTR.NOEXEC,
  nosymfollow: MOUNT_ATTR.NOSYMFOLLOW,
  nodiratime: MOUNT_ATTR.NODIRATIME,
} as const;

const ATIMES = { relatime: 0, noatime: MOUNT_ATTR.NOATIME, strictatime: MOUNT_ATTR.STRICTATIME };

const PROPAGATIONS = {
  private: MS.PRIVATE,
  shared: MS.SHARED,
  slave: MS.SLAVE,
  unbindable: MS.UNBINDABLE,
};

/** What struct mount_attr says. */
export interface Attributes {
  set: number;
  clear: number;
  propagation: number;
}

/** Throws unless the flags are well-formed. */
export function attributesOf(flags: AllFlags): Attributes {
  const out: Attributes = { set: 0, clear: 0, propagation: 0 };
  for (const [name, bit] of Object.entries(BITS) as [keyof typeof BITS, number][]) {
    const wanted = flags[name];
    if (wanted === undefined) continue;
    checkBoolean(name, wanted);
    if (wanted) out.set |= bit;
    else out.clear |= bit;
  }
  const { atime, propagation } = flags;
  if (atime !== undefined) {
    if (!Object.hasOwn(ATIMES, atime)) throw invalidValue('atime', Object.keys(ATIMES).join(', '), atime);
    out.set |= ATIMES[atime];
    out.clear |= MOUNT_ATTR.ATIME;
  }
  if (propagation !== undefined) {
    if (!Object.hasOwn(PROPAGATIONS, propagation))
      throw invalidValue('propagation', Object.keys(PROPAGATIONS).join(', '), propagation);
    out.propagation = PROPAGATIONS[propagation];
  }
  return out;
}

/** struct mount_attr, linux/mount.h. */
export function mountAttr({ set, clear, propagation }: Attributes, userNs?: number): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(BigInt(set + (userNs === undefined ? 0 : MOUNT_ATTR.IDMAP)), 0);
  bytes.writeBigUInt64LE(BigInt(clear), 8);
  bytes.writeBigUInt64LE(BigInt(propagation), 16);
  bytes.writeBigUInt64LE(BigInt(userNs ?? 0), 24);
  return bytes;
}

/** Whether there is anything to be set. */
export function saysAnything({ set, clear, propagation }: Attributes): boolean {
  return set !== 0 || clear !== 0 || propagation !== 0;
}
