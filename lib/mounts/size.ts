import { checkInteger, invalidValue } from '../syscalls/validate.js';

/** Bytes, or with a unit: '64M' is 64 × 2²⁰. */
export type Size = number | `${number}${'K' | 'M' | 'G'}`;

const UNITS = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `least` is the smallest that is allowed. */
export function bytesOf(name: string, size: Size, least = 1): number {
  const match = typeof size === 'string' ? /^(\d+)([KMG])$/.exec(size) : undefined;
  if (match === null) throw invalidValue(name, "bytes, or '64M'", size);
  const bytes = match ? Number(match[1]) * UNITS[match[2] as 'K'] : size;
  checkInteger(name, bytes, least, Number.MAX_SAFE_INTEGER);
  return bytes;
}
