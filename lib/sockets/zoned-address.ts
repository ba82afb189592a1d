import { getLinkRequest, linkAnswer } from '../links/devices.js';
import type { Internals } from '../namespaces/network.js';
import { formatAddress, type IPAddress, parseAddress } from '../netlink/addresses.js';
import { checkString, invalidValue } from '../syscalls/validate.js';
import type { SocketAddress } from './socket-address.js';

/** An address as it was given: a link-local one with its zone. */
export interface ZonedAddress extends IPAddress {
  /** Name, alternative name or index of the device. */
  zone?: string;
  /** Whether it means something on one link only. */
  needsZone: boolean;
  /** In its usual form. */
  text: string;
}

/** fe80::/10, and multicast of interface or link scope. */
function isOfOneLink({ family, bytes }: IPAddress): boolean {
  if (family === 'inet') return false;
  if (bytes[0] === 0xff) return (bytes[1]! & 0x0f) === 1 || (bytes[1]! & 0x0f) === 2;
  return bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** Reads an address with its zone, if it has one. `expected` is what an error says may be given. */
export function parseZonedAddress(
  argument: string,
  text: unknown,
  expected = 'an IPv4 or IPv6 address',
): ZonedAddress {
  checkString(argument, text);
  const percent = text.indexOf('%');
  const zone = percent < 0 ? undefined : text.slice(percent + 1);
  let address: IPAddress;
  try {
    address = parseAddress(percent < 0 ? text : text.slice(0, percent));
  } catch {
    throw invalidValue(argument, expected, text);
  }
  const needsZone = isOfOneLink(address);
  if (zone !== undefined && (zone === '' || !needsZone)) {
    throw invalidValue(argument, 'a zone only with a link-local IPv6 address, as fe80::1%eth0,', text);
  }
  const plain = formatAddress(address.bytes);
  return { ...address, zone, needsZone, text: zone === undefined ? plain : `${plain}%${zone}` };
}

/** The same, of a destination: link-local needs a zone. */
export function parseDestination(argument: string, text: unknown, expected?: string): ZonedAddress {
  const address = parseZonedAddress(argument, text, expected);
  if (address.zone === undefined && address.needsZone) {
    throw invalidValue(argument, `a link-local address with its device, as ${address.text}%eth0,`, text);
  }
  return address;
}

/** The address with the index of its device, which is looked up in the namespace it is used in. */
export async function resolveZone(
  inner: Internals,
  { bytes, zone }: ZonedAddress,
  signal?: AbortSignal,
): Promise<SocketAddress> {
  if (zone === undefined) return { bytes, scope: 0 };
  const ref = /^[1-9]\d{0,8}$/.test(zone) ? Number(zone) : zone;
  const answers = await inner.route.request({ ...getLinkRequest(ref, inner.subject), signal });
  return { bytes, scope: linkAnswer(answers).index };
}
