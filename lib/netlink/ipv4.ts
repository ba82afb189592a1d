const octets = Array.from({ length: 256 }, (_, value) => `${value}`);
const dotted = octets.map((octet) => `${octet}.`);

/**
 * What was formatted last: a table of routes names few gateways, and goes through its destinations in order, so that
 * most addresses cost no new string, or one.
 */
const addresses = { keys: new Uint32Array(1024), texts: new Array<string>(1024).fill('') };
const networks = { keys: new Uint32Array(256), texts: new Array<string>(256).fill('') };

/** Dotted quad of the four bytes at `offset`. */
export function formatIPv4(array: Uint8Array, offset: number): string {
  const a = array[offset]!;
  const b = array[offset + 1]!;
  const c = array[offset + 2]!;
  const d = array[offset + 3]!;
  const network = (a << 16) | (b << 8) | c;
  const key = ((network << 8) | d) >>> 0;
  const slot = (key ^ (key >>> 10)) & 1023;
  if (addresses.keys[slot] === key && addresses.texts[slot] !== '') return addresses.texts[slot]!;

  const near = (network ^ (network >> 8)) & 255;
  if (networks.keys[near] !== network || networks.texts[near] === '') {
    networks.keys[near] = network;
    networks.texts[near] = dotted[a]! + dotted[b]! + dotted[c]!;
  }
  addresses.keys[slot] = key;
  addresses.texts[slot] = networks.texts[near]! + octets[d]!;
  return addresses.texts[slot]!;
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
