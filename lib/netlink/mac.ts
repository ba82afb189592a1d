const hex = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));
const colon = hex.map((pair) => `${pair}:`);

/** Bytes as a hardware address is written: 'aa:bb:cc:dd:ee:ff', of any length; '' for none. */
export function formatMac(array: Uint8Array, offset: number, length: number): string {
  let text = '';
  for (let at = offset; at < offset + length - 1; at++) text += colon[array[at]!];
  return length > 0 ? text + hex[array[offset + length - 1]!] : text;
}

function hexPair(text: string, at: number): number {
  const pair = text.slice(at, at + 2);
  return /^[0-9a-fA-F]{2}$/.test(pair) ? Number.parseInt(pair, 16) : -1;
}

/** Bytes that a hardware address of any length takes; -1 where the text is not one. */
export function macLength(text: string): number {
  if (text.length === 0) return 0;
  return text.length % 3 === 2 ? (text.length + 1) / 3 : -1;
}

/** Writes a hardware address of any length, in upper or lower case; false where the text is not one. */
export function parseMacInto(text: string, array: Uint8Array, offset: number): boolean {
  const length = macLength(text);
  if (length < 0) return false;
  for (let i = 0; i < length; i++) {
    const value = hexPair(text, 3 * i);
    if (value < 0 || (i > 0 && text.charCodeAt(3 * i - 1) !== 0x3a)) return false;
    array[offset + i] = value;
  }
  return true;
}
