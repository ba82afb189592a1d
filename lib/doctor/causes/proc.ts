import type { FindCause } from './cause.js';

/** Namespaces are found as files of /proc. */
export const noProc: FindCause = async (probe, { call, code }) => {
  if (call !== 'openat' || code !== 'ENOENT') return undefined;
  if ((await probe.identity('/proc/self/ns/mnt')) !== undefined) return undefined;
  return { why: 'there is no /proc to find it in', cure: 'mount -t proc proc /proc' };
};
