import { type Family, parseCidr } from './addresses.js';
import { parseIPv4 } from './ipv4.js';
import { parseIPv6 } from './ipv6.js';

/** What a canonical CIDR says besides its address: the length of its prefix, and its family. */
export interface Prefix {
  readonly family: Family;
  readonly length: number;
}

const scratch = new Uint8Array(16);
const inet = Array.from({ length: 33 }, (_, length): Prefix => ({ family: 'inet', length }));
const inet6 = Array.from({ length: 129 }, (_, length): Prefix => ({ family: 'inet6', length }));

/**
 * Checks a CIDR without host bits, as parseCidr() with hostBits 'refuse' does and with its errors. It allocates
 * nothing that lives on: tables of hundreds of thousands of routes go through here.
 */
export function checkPrefix(name: string, text: string): Prefix {
  const slash = typeof text === 'string' ? text.indexOf('/') : -1;
  const length = slash > 0 ? smallNumber(text, slash + 1) : -1;
  if (length >= 0) {
    const address = text.slice(0, slash);
    if (address.includes(':')) {
      if (length <= 128 && parseIPv6(address, scratch, 0) && hostBitsClear(length, 16))
        return inet6[length] as Prefix;
    } else if (length <= 32 && parseIPv4(address, scratch, 0) && hostBitsClear(length, 4)) {
      return inet[length] as Prefix;
    }
  }
  const { family, prefix } = parseCidr(name, text, { hostBits: 'refuse' });
  return (family === 'inet' ? inet : inet6)[prefix] as Prefix;
}

/** One to three digits up to the end, without leading zeros; −1 for anything else. */
function smallNumber(text: string, from: number): number {
  const digits = text.length - from;
  if (digits < 1 || digits > 3) return -1;
  let number = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return digits > 1 && text.charCodeAt(from) === 48 ? -1 : number;
}

function hostBitsClear(prefix: number, bytes: number): boolean {
  const whole = prefix >> 3;
  if (whole < bytes && ((scratch[whole] as number) & (0xff >> (prefix & 7))) !== 0) return false;
  for (let i = whole + 1; i < bytes; i++) if (scratch[i] !== 0) return false;
  return true;
}
