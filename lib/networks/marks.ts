import { randomBytes } from 'node:crypto';

/**
 * What networks write into the kernel, to be read back by every process: alternative names of links. They are unique
 * in a namespace and vanish with the link, so that they are names, leases and reservations at once.
 *
 *     nsnet:<network>                          on the device of a network: its name
 *     nsnet:<network>:a:<address>              on an endpoint's host end: the lease of its address
 *     nsnet:<network>:n:<name>                 …: its name on the network
 *     nsnet:<network>:l:<alias>:<any>          …: an alias, which several may have
 *     nsnet:<network>:o:<protocol>:<port>:<address>  …: a port that is open for everybody, of a routed network
 *     nsnet:<network>:s:<key>:<device>         on the device of a network: a sysctl that was turned on for it; on the device
 *                                              that it is of, where the network's own goes with its process
 *     nsnet-subnet:<subnet>                    …: the reservation of its subnet
 */
const MARK = 'nsnet:';

/** Of two networks that want the same subnet, one gets it. */
export const subnetMark = (subnet: { toString(): string }) => `nsnet-subnet:${subnet}`;

export const networkMark = (network: string) => `${MARK}${network}`;
export const addressMark = (network: string, address: string) => `${MARK}${network}:a:${address}`;
export const nameMark = (network: string, name: string) => `${MARK}${network}:n:${name}`;
export const aliasMark = (network: string, alias: string) => `${MARK}${network}:l:${alias}:${anyDigits(6)}`;
export const openMark = (network: string, { protocol, port, address }: OpenPort) =>
  `${MARK}${network}:o:${protocol}:${port}:${address}`;
export const sysctlMark = (network: string, key: string, device: string) =>
  `${MARK}${network}:s:${key}:${device}`;

/** A port of an endpoint that everybody may reach at its own address. */
export interface OpenPort {
  protocol: string;
  port: number;
  address: string;
}

/** One alternative name, taken apart. */
export type Mark =
  | { type: 'network'; network: string }
  | { type: 'address' | 'name' | 'alias'; network: string; value: string }
  | ({ type: 'open'; network: string } & OpenPort)
  | { type: 'sysctl'; network: string; key: string; device: string };

/** Undefined for names that are not nsnet's. */
export function readMark(text: string): Mark | undefined {
  if (!text.startsWith(MARK)) return undefined;
  const [network = '', kind, ...rest] = text.slice(MARK.length).split(':');
  if (kind === undefined) return { type: 'network', network };
  const value = rest.join(':');
  if (kind === 'a') return { type: 'address', network, value };
  if (kind === 'n') return { type: 'name', network, value };
  if (kind === 'l') return { type: 'alias', network, value: rest[0] ?? '' };
  if (kind === 'o') {
    const [protocol = '', port, ...address] = rest;
    return { type: 'open', network, protocol, port: Number(port), address: address.join(':') };
  }
  if (kind === 's') return { type: 'sysctl', network, key: rest[0] ?? '', device: rest.slice(1).join(':') };
  return undefined;
}

/** The link group of the devices of all networks: rules tell by it what comes from another network. */
export const GROUP = 0x6e736e74;

const OWNER_DIGITS = 7;
const LINK = new RegExp(`^vn([0-9a-f]{${OWNER_DIGITS}})[0-9a-f]{6}$`);

/** A name for a link, which says whose it is from the moment it is there. */
export function linkName(owner: string): string {
  return `vn${owner}${anyDigits(6)}`;
}

/** Whose link it is by its name; undefined for names that are not nsnet's. */
export function ownerOfLink(name: string): string | undefined {
  return LINK.exec(name)?.[1];
}

export function anyOwner(): string {
  return anyDigits(OWNER_DIGITS);
}

function anyDigits(count: number): string {
  return randomBytes(8).toString('hex').slice(0, count);
}
