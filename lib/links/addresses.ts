import {
  type Cidr,
  type Family,
  familyNumber,
  familyOf,
  formatAddress,
  parseAddress,
  parseCidr,
} from '../netlink/addresses.js';
import { NLM_F } from '../netlink/constants.js';
import type { Request } from '../netlink/request.js';
import { type AddressMessage, type AddressRequest, address as codec } from '../rtnetlink/address.js';
import { IFA_F, INFINITY_LIFE_TIME, messageName, RT_SCOPE, RTM } from '../rtnetlink/constants.js';
import { addressFlagNames, scopes } from '../rtnetlink/names.js';
import { withDetails } from '../syscalls/errors.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { NEEDS_NET_ADMIN } from './requests.js';
import type { LinkRef } from './types.js';

/** An address of a link. */
export interface AddressSpec {
  device: LinkRef;
  /** Always with its prefix length: '192.168.1.1/24'. */
  address: string;
  /** The other end's, of a point-to-point link; it may carry the prefix length. */
  peer?: string;
  /** Up to 15 bytes, beginning with the link's name; IPv4 only. */
  label?: string;
  /** Milliseconds (whole seconds for the kernel) until it is removed. Default: never. */
  valid?: number;
  /** Milliseconds until it is no longer chosen as a source. Default: never. */
  preferred?: number;
  /** Duplicate address detection, IPv6 only. Default true. */
  dad?: boolean;
}

/** An address as it was read. */
export interface Address extends AddressSpec {
  device: string;
  family: Family;
  /** 'global', 'link', 'host', or a number's text. */
  scope: string;
  /** 'tentative', 'dadfailed', 'deprecated', 'dynamic', 'secondary', 'nodad'… */
  flags: string[];
}

/** What list() yields is taken as well: its scope and those of its flags that can be set. */
type Spec = Omit<AddressSpec, 'device'> & { scope?: string | number; flags?: string[] };

const SETTABLE: Record<string, number> = {
  nodad: IFA_F.NODAD,
  optimistic: IFA_F.OPTIMISTIC,
  home: IFA_F.HOMEADDRESS,
  mngtmpaddr: IFA_F.MANAGETEMPADDR,
  noprefixroute: IFA_F.NOPREFIXROUTE,
  autojoin: IFA_F.MCAUTOJOIN,
};
const KEYS = [
  'device',
  'address',
  'peer',
  'label',
  'valid',
  'preferred',
  'dad',
  'family',
  'scope',
  'flags',
  'signal',
];

/** Throws unless it is well-formed; returns its address. */
export function checkAddressSpec(spec: Spec): Cidr {
  checkObject('address', spec);
  checkKeys('address', spec, KEYS);
  const cidr = parseCidr('address', spec.address, { hostBits: 'allow' });
  if (spec.peer !== undefined) peerOf(spec.peer, cidr);
  if (spec.label !== undefined) {
    checkString('label', spec.label);
    if (Buffer.byteLength(spec.label) > 15) throw invalidValue('label', 'at most 15 bytes', spec.label);
  }
  for (const key of ['valid', 'preferred'] as const) {
    if (spec[key] !== undefined) checkInteger(key, spec[key], 0, INFINITY_LIFE_TIME * 1000);
  }
  if (spec.dad !== undefined) checkBoolean('dad', spec.dad);
  if (spec.scope !== undefined) scopeNumber(spec.scope);
  if (spec.flags !== undefined && !Array.isArray(spec.flags))
    throw invalidType('flags', 'an array', spec.flags);
  return cidr;
}

function scopeNumber(scope: string | number): number {
  const number =
    typeof scope === 'string' && !/^[0-9]+$/.test(scope) ? scopes.numberOf(scope) : Number(scope);
  if (number === undefined)
    throw invalidValue('scope', `a number or one of ${scopes.names.join(', ')}`, scope);
  checkInteger('scope', number, 0, 255);
  return number;
}

function peerOf(peer: string, { family, prefix, bytes }: Cidr): Cidr {
  checkString('peer', peer);
  const parsed = peer.includes('/')
    ? parseCidr('peer', peer, { hostBits: 'allow' })
    : { ...parseAddress(peer, 'peer'), prefix: 8 * bytes.length };
  if (parsed.family !== family) throw invalidValue('peer', `an ${family} address`, peer);
  return peer.includes('/') ? parsed : { ...parsed, prefix };
}

function seconds(milliseconds: number | undefined): number {
  return milliseconds === undefined ? INFINITY_LIFE_TIME : Math.ceil(milliseconds / 1000);
}

function body(index: number, spec: Spec): AddressRequest {
  const cidr = checkAddressSpec(spec);
  const peer = spec.peer === undefined ? undefined : peerOf(spec.peer, cidr);
  const local = formatAddress(cidr.bytes);
  let flags = spec.dad === false ? IFA_F.NODAD : 0;
  for (const flag of spec.flags ?? []) flags |= SETTABLE[flag] ?? 0;
  const lifetimes = spec.valid !== undefined || spec.preferred !== undefined;
  // As iproute2: 127/8 belongs to the host alone.
  const usual = cidr.family === 'inet' && cidr.bytes[0] === 127 ? RT_SCOPE.HOST : RT_SCOPE.UNIVERSE;
  const scope = spec.scope === undefined ? usual : scopeNumber(spec.scope);
  return {
    family: familyNumber(cidr.family),
    prefixlen: (peer ?? cidr).prefix,
    scope,
    index,
    attributes: {
      local,
      address: peer ? formatAddress(peer.bytes) : local,
      ...(spec.label !== undefined && { label: spec.label }),
      ...(flags !== 0 && { flags }),
      ...(lifetimes && {
        cacheinfo: {
          preferred: Math.min(seconds(spec.preferred), seconds(spec.valid)),
          valid: seconds(spec.valid),
          created: 0,
          updated: 0,
        },
      }),
    },
  };
}

const MODES = { add: NLM_F.CREATE | NLM_F.EXCL, replace: NLM_F.CREATE | NLM_F.REPLACE, delete: 0 } as const;

/** The request that adds, replaces or deletes an address of the link with this index. */
export function addressRequest(
  mode: keyof typeof MODES,
  index: () => number,
  spec: Spec,
  subject: string,
): Request<AddressRequest> {
  checkAddressSpec(spec);
  const type = mode === 'delete' ? RTM.DELADDR : RTM.NEWADDR;
  return {
    name: messageName(type),
    type,
    flags: MODES[mode],
    codec,
    body: () => body(index(), spec),
    subject: `address ${spec.address} in ${subject}`,
    explain: (error) => (error.code === 'EPERM' ? withDetails(error, NEEDS_NET_ADMIN) : error),
  };
}

/** An address as data, from what the kernel sent. */
export function addressOf(message: AddressMessage, device: string): Address {
  const { attributes } = message;
  const family = familyOf(message.family) ?? 'inet';
  const local = attributes.local ?? attributes.address ?? '';
  const flags = attributes.flags ?? message.flags;
  const { cacheinfo } = attributes;
  const result: Address = {
    device,
    address: `${local}/${message.prefixlen}`,
    family,
    scope: String(scopes.nameOf(message.scope)),
    flags: addressFlagNames(flags, message.family),
  };
  if (attributes.local !== undefined && attributes.address !== undefined && attributes.address !== local) {
    result.address = `${local}/${8 * (family === 'inet' ? 4 : 16)}`;
    result.peer = `${attributes.address}/${message.prefixlen}`;
  }
  if (flags & IFA_F.NODAD) result.dad = false;
  if (attributes.label !== undefined) result.label = attributes.label;
  if (cacheinfo && cacheinfo.valid !== INFINITY_LIFE_TIME) result.valid = cacheinfo.valid * 1000;
  if (cacheinfo && cacheinfo.preferred !== INFINITY_LIFE_TIME) result.preferred = cacheinfo.preferred * 1000;
  return result;
}
