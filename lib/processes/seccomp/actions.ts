import type { SeccompAction } from './types.js';

/** SECCOMP_RET_…, linux/seccomp.h. */
export const RETURN: Readonly<Record<Exclude<SeccompAction, 'SCMP_ACT_NOTIFY'>, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_ERRNO: 0x50000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/** The most that an action with a number may carry: SECCOMP_RET_DATA, but no more than MAX_ERRNO as an error. */
export const MAX_DATA: Readonly<Partial<Record<SeccompAction, number>>> = {
  SCMP_ACT_ERRNO: 4095,
  SCMP_ACT_TRACE: 0xffff,
};

export const EPERM = 1;
export const ENOSYS = 38;

const actionOf = (returned: number): number => (returned & 0xffff0000) | 0;

/** Whether an action is above another in the kernel's order, which compares them as signed numbers. */
export const stricter = (one: number, other: number): boolean => actionOf(one) < actionOf(other);

export const isErrno = (returned: number): boolean => actionOf(returned) === RETURN.SCMP_ACT_ERRNO;

/** Whether the call is not made. */
export const refuses = (returned: number): boolean => stricter(returned, RETURN.SCMP_ACT_TRACE);
