import { type ErrorDetails, systemError } from './errors.js';
import { Fd } from './fd.js';
import type { Entries, Failure, NativeFd } from './native.js';

/** The flags of clone(2) that name the namespaces. */
export const CLONE = {
  time: 0x80,
  mnt: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
} as const;

export type NamespaceType = keyof typeof CLONE;

/** Namespaces to enter, in order, for the length of one piece of work. */
export interface Inside {
  readonly entries: Entries;
  /** By the stub: needed where foreign code inside could otherwise reach this process's memory. */
  readonly ownMemory: boolean;
}

/** No excursion: the namespaces this process is in. */
export const HERE: Inside = { entries: [], ownMemory: false };

export function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'errno' in value;
}

/** What an excursion resolved to, or its failure thrown. */
export function checked<T extends object | number>(value: T | Failure, details: ErrorDetails = {}): T {
  if (isFailure(value)) throw systemError(value.errno, value.syscall, details);
  return value as T;
}

export function checkedFd(
  value: NativeFd | Failure | number,
  syscall: string,
  details: ErrorDetails = {},
): Fd {
  if (typeof value === 'number') throw systemError(value, syscall, details);
  return new Fd(checked<NativeFd>(value, details));
}
