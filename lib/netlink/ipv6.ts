import { formatIPv4, parseIPv4 } from './ipv4.js';

const colon = 0x3a;
const digits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const scratch = Buffer.alloc(40);

/** Where the longest run of zero groups begins, and how many they are; a single one is no run. */
function longestRun(array: Uint8Array, offset: number): [from: number, length: number] {
  let longest = 1;
  let from = 8;
  let run = 0;
  for (let group = 0; group < 8; group++) {
    if (array[offset + 2 * group] !== 0 || array[offset + 2 * group + 1] !== 0) run = 0;
    else if (++run > longest) {
      longest = run;
      from = group - run + 1;
    }
  }
  return [from, longest];
}

/** The sixteen bytes at `offset` as RFC 5952 asks: lower case, no leading zeros, the longest run of zeros as '::'. */
export function formatIPv6(array: Uint8Array, offset: number): string {
  const [from, run] = longestRun(array, offset);
  if (from === 0 && run === 5 && array[offset + 10] === 0xff && array[offset + 11] === 0xff) {
    return `::ffff:${formatIPv4(array, offset + 12)}`;
  }
  let at = 0;
  for (let group = 0; group < 8; group++) {
    if (group === from) {
      scratch[at++] = colon;
      scratch[at++] = colon;
      group += run - 1;
      continue;
    }
    if (group > 0 && group !== from + run) scratch[at++] = colon;
    const value = (array[offset + 2 * group]! << 8) | array[offset + 2 * group + 1]!;
    if (value > 0xfff) scratch[at++] = digits[value >> 12]!;
    if (value > 0xff) scratch[at++] = digits[(value >> 8) & 15]!;
    if (value > 0xf) scratch[at++] = digits[(value >> 4) & 15]!;
    scratch[at++] = digits[value & 15]!;
  }
  return scratch.toString('latin1', 0, at);
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/**
 * Writes the sixteen bytes of an IPv6 address in any form of RFC 4291, its last 32 bits as a dotted quad included.
 * False, with the bytes in no particular state, for anything else; a zone ('%eth0') is anything else.
 */
export function parseIPv6(text: string, array: Uint8Array, offset: number): boolean {
  const end = text.length;
  let at = 0;
  let bytes = 0;
  let gap = -1;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (bytes === 16) return false;
    const start = at;
    let value = 0;
    while (at < end) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = (value << 4) | digit;
      if (++at - start > 4) return false;
    }
    if (at === start) return false;
    if (at < end && text.charCodeAt(at) === 0x2e) {
      if (bytes > 12 || !parseIPv4(text, array, offset + bytes, start)) return false;
      bytes += 4;
      break;
    }
    array[offset + bytes++] = value >> 8;
    array[offset + bytes++] = value & 0xff;
    if (at === end) break;
    if (text.charCodeAt(at++) !== 0x3a || at === end) return false;
    if (text.charCodeAt(at) === 0x3a) {
      if (gap >= 0) return false;
      gap = bytes;
      at++;
    }
  }
  if (gap < 0) return bytes === 16;
  if (bytes === 16) return false;
  array.copyWithin(offset + 16 - (bytes - gap), offset + gap, offset + bytes);
  array.fill(0, offset + gap, offset + 16 - (bytes - gap));
  return true;
}
