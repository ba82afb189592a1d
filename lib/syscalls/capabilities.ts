import { native } from './native.js';

/** Numbers of linux/capability.h. */
export const CAP = { NET_ADMIN: 12, NET_RAW: 13, SYS_PTRACE: 19, SYS_ADMIN: 21 } as const;

/** Whether this process has all of these capabilities in its own user namespace, now. */
export function capable(...capabilities: (keyof typeof CAP)[]): boolean {
  const sets = native().capabilities();
  if (typeof sets === 'number') return false;
  return capabilities.every((name) => ((sets[CAP[name] >> 5] as number) >>> (CAP[name] & 31)) & 1);
}
