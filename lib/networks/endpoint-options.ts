import type { Call } from '../handles/listing.js';
import { parseMac } from '../netlink/addresses.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  invalidType,
  invalidValue,
  needs,
} from '../syscalls/validate.js';
import { anyName, checkEndpointName } from './names.js';
import type { Settings } from './options.js';
import { type Published, type PublishedSpec, parsePublished } from './published.js';

/** How something is connected to a network. */
export interface ConnectToOptions extends Call {
  /** What others on the network reach it by, up to 63 bytes. Default: twelve hexadecimal digits. */
  name?: string;
  /** More names, as Docker's --alias; several endpoints may have the same. */
  aliases?: string[];
  /** IPv4, as Docker's --ip. Default: the first that is free. */
  address?: string;
  /** IPv6, as Docker's --ip6, of a network that has it. */
  address6?: string;
  /** Default: made from the address, so that it stays with it. */
  mac?: string;
  /**
   * Ports that the host passes on, as Docker's -p: '8888:80', '127.0.0.1:8888:80/udp', '8000-8010:8000-8010', '80' for a
   * free port of the host.
   */
  publish?: (string | PublishedSpec)[];
  /** Whether 127.0.0.11 answers names in it, and a Netns that has no `nameservers` asks there. Default true. */
  resolver?: boolean;
}

/** What was asked for, checked, with what was not said filled in. */
export interface Wish {
  name: string;
  aliases: string[];
  address?: string;
  address6?: string;
  mac?: string;
  publish: Published[];
  resolver: boolean;
  signal?: AbortSignal;
}

const KEYS = ['name', 'aliases', 'address', 'address6', 'mac', 'publish', 'resolver', 'signal'];

export function checkConnect(options: ConnectToOptions, settings: Settings): Wish {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { name = anyName(), aliases = [], address, address6, mac, publish = [], resolver = true } = options;
  checkEndpointName(name);
  if (!Array.isArray(aliases)) throw invalidType('aliases', 'an array of strings', aliases);
  for (const [i, alias] of aliases.entries()) checkEndpointName(alias, `aliases[${i}]`);
  if (address !== undefined) checkOwn('address', address, settings.subnet, settings.gateway);
  if (address6 !== undefined) checkOwn('address6', address6, settings.subnet6, settings.gateway6);
  if (mac !== undefined) checkMac(mac);
  const published = parsePublished(publish);
  if (published.length > 0 && settings.internal)
    throw invalidValue('publish', `no ports, as network '${settings.name}' is internal,`, publish);
  checkBoolean('resolver', resolver);
  checkSignal(options.signal);
  return {
    name,
    aliases: [...new Set(aliases)],
    address:
      address === undefined ? undefined : settings.subnet?.at(settings.subnet.check('address', address)),
    address6:
      address6 === undefined ? undefined : settings.subnet6?.at(settings.subnet6.check('address6', address6)),
    mac: mac?.toLowerCase(),
    publish: published,
    resolver,
    signal: options.signal,
  };
}

/** A device's is one device's. */
function checkMac(mac: string): void {
  const bytes = parseMac('mac', mac);
  if ((bytes[0] as number) % 2 === 0 && bytes.some((byte) => byte !== 0)) return;
  throw invalidValue('mac', 'a unicast address: its first byte even, and not all zeros,', mac);
}

function checkOwn(
  name: string,
  address: string,
  subnet: Settings['subnet'],
  gateway: string | undefined,
): void {
  if (!subnet) throw needs(name, `a network with ${name === 'address6' ? 'IPv6' : 'IPv4'}`);
  const own = subnet.at(subnet.check(name, address));
  if (own === gateway) throw invalidValue(name, `another address than the gateway's, ${gateway},`, address);
}
