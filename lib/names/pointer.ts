import { formatAddress } from '../netlink/addresses.js';

const INET = '.in-addr.arpa';
const INET6 = '.ip6.arpa';

/** The name below in-addr.arpa or ip6.arpa (RFC 1035, section 3.5; RFC 3596, section 2.5). */
export function pointerName(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}${INET}`;
  const digits = [...Buffer.from(bytes).toString('hex')].reverse();
  return `${digits.join('.')}${INET6}`;
}

/** The address that such a name, in lower case, is of. Undefined for others, as of a whole network. */
export function addressOfPointer(name: string): string | undefined {
  const bytes = bytesOf(name);
  return bytes && pointerName(bytes) === name ? formatAddress(bytes) : undefined;
}

function bytesOf(name: string): Uint8Array | undefined {
  if (name.endsWith(INET)) {
    const parts = name.slice(0, -INET.length).split('.');
    return parts.length === 4 ? Uint8Array.from(parts.reverse(), Number) : undefined;
  }
  if (!name.endsWith(INET6)) return undefined;
  const digits = name.slice(0, -INET6.length).split('.');
  return digits.length === 32 ? Buffer.from(digits.reverse().join(''), 'hex') : undefined;
}
