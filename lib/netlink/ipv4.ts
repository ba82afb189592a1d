const octets = Array.from({ length: 256 }, (_, value) => `${value}`);
const dotted = octets.map((octet) => `${octet}.`);

/** Dotted quad of the four bytes at `offset`. */
export function formatIPv4(array: Uint8Array, offset: number): string {
  return (
    dotted[array[offset]!]! +
    dotted[array[offset + 1]!]! +
    dotted[array[offset + 2]!]! +
    octets[array[offset + 3]!]!
  );
}

/**
 * Writes the four bytes of a dotted quad that begins at `start` and takes up the rest of `text`. False, with the bytes
 * in no particular state, unless it is four decimal numbers up to 255 without leading zeros.
 */
export function parseIPv4(text: string, array: Uint8Array, offset: number, start = 0): boolean {
  const end = text.length;
  let at = start;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(at++) !== 0x2e) return false;
    const first = at;
    let value = 0;
    while (at < end) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
      if (at - first > 3) return false;
    }
    if (at === first || value > 255 || (at - first > 1 && text.charCodeAt(first) === 0x30)) return false;
    array[offset + part] = value;
  }
  return at === end;
}
