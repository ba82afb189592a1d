import type { Devices } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import { type Family, familyNumber, familyOf, parseAddress } from '../netlink/addresses.js';
import { checkPrefix } from '../netlink/prefix.js';
import { roomy } from '../netlink/roomy.js';
import { RT_SCOPE, RT_TABLE, RTN, RTNH_F, RTPROT } from '../rtnetlink/constants.js';
import { type Names, protocols, routeTypes, scopes, tables } from '../rtnetlink/names.js';
import type { RouteMessage, RouteRequest } from '../rtnetlink/route.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { checkFamily } from './filter.js';

/** A route, as it is added. */
export interface RouteSpec {
  /** CIDR without host bits, or 'default'. */
  destination: string;
  /** Of 'default': default the gateway's, else 'inet'. */
  family?: Family;
  gateway?: string;
  device?: LinkRef;
  /** Preferred source address. */
  source?: string;
  /** Lower wins. Default: the kernel's, 0 for inet and 1024 for inet6. */
  metric?: number;
  /** 'main' (default), 'local', 'default', or a number. */
  table?: string | number;
  /** 'global', 'link', 'host', 'site', or a number. Default as iproute2: link without a gateway, else global. */
  scope?: string | number;
  /** Who made it: 'boot' (default), 'static', 'kernel', 'ra'…, or a number. */
  protocol?: string | number;
  /** 'unicast' (default), 'blackhole', 'unreachable', 'prohibit', 'local', 'broadcast', 'throw'… */
  type?: string;
  /** Of routers for IPv6, RFC 4191: 'low', 'medium' (default) or 'high'. */
  preference?: string;
  /** The gateway is taken for a neighbour on the device, whatever addresses the device has. Default false. */
  onlink?: boolean;
  /** Several ways; `weight` 1 to 256. */
  nextHops?: { gateway?: string; device?: LinkRef; weight?: number; flags?: string[] }[];
}

/** A route as it was read. */
export interface Route extends RouteSpec {
  family: Family;
  device?: string;
  table: string | number;
  scope: string | number;
  protocol: string | number;
  /** 'linkdown': its device has no carrier. */
  flags?: string[];
}

const KEYS = [
  'destination',
  'family',
  'gateway',
  'device',
  'source',
  'metric',
  'table',
  'scope',
  'protocol',
  'type',
  'preference',
  'onlink',
  'nextHops',
  'flags',
];

/** ICMPV6_ROUTER_PREF_*. */
const PREFERENCES = new Map([
  [0, 'medium'],
  [1, 'high'],
  [3, 'low'],
]);

function preferenceNumber(preference: string): number {
  for (const [number, name] of PREFERENCES) if (name === preference) return number;
  throw invalidValue('preference', "'low', 'medium' or 'high'", preference);
}

/** What checkRoute() found out. */
export interface CheckedRoute {
  family: number;
  prefix: number;
  table: number;
  scope: number | undefined;
  protocol: number;
  type: number;
}

function numberOf(argument: string, value: string | number, names: Names, max: number): number {
  if (typeof value === 'number') {
    checkInteger(argument, value, 0, max);
    return value;
  }
  if (typeof value !== 'string') throw invalidType(argument, 'a name or a number', value);
  const number = names.numberOf(value);
  if (number === undefined)
    throw invalidValue(argument, `a number or one of ${names.names.join(', ')}`, value);
  return number;
}

export function tableNumber(table: string | number): number {
  return numberOf('table', table, tables, 0xffffffff);
}

function checkGateway(argument: string, gateway: string, family: Family | undefined): Family {
  const found = parseAddress(gateway, argument).family;
  if (family !== undefined && found !== family) throw invalidValue(argument, `an ${family} address`, gateway);
  return found;
}

const usual = new Map<number, CheckedRoute>();

/** One object for all routes that say no more than where they lead: there may be hundreds of thousands. */
function usualRoute(family: number, prefix: number): CheckedRoute {
  const key = 256 * family + prefix;
  let checked = usual.get(key);
  if (!checked) {
    const { UNSPEC } = RTN;
    checked = {
      family,
      prefix,
      table: RT_TABLE.MAIN,
      scope: undefined,
      protocol: RTPROT.UNSPEC,
      type: UNSPEC,
    };
    usual.set(key, checked);
  }
  return checked;
}

/** Throws unless the route is well-formed. */
export function checkRoute(spec: RouteSpec): CheckedRoute {
  checkObject('route', spec);
  for (const key in spec) if (!KEYS.includes(key)) checkKeys('route', spec, KEYS);
  const { destination, gateway, source, metric, nextHops } = spec;
  let family = spec.family;
  if (family !== undefined) checkFamily(family);
  let prefix = 0;
  if (destination !== 'default') {
    const { family: found, length } = checkPrefix('destination', destination);
    if (family !== undefined && family !== found) {
      throw invalidValue('destination', `an ${family} prefix`, destination);
    }
    family = found;
    prefix = length;
  }
  if (gateway !== undefined) family = checkGateway('gateway', gateway, family);
  if (nextHops !== undefined) {
    if (!Array.isArray(nextHops) || nextHops.length === 0)
      throw invalidType('nextHops', 'a non-empty array', nextHops);
    for (const hop of nextHops) {
      checkObject('nextHops', hop);
      checkKeys('nextHops', hop, ['gateway', 'device', 'weight', 'flags']);
      if (hop.gateway !== undefined) family = checkGateway('nextHops.gateway', hop.gateway, family);
      if (hop.weight !== undefined) checkInteger('nextHops.weight', hop.weight, 1, 256);
    }
  }
  if (source !== undefined) checkGateway('source', source, family);
  if (metric !== undefined) checkInteger('metric', metric, 0, 0xffffffff);
  if (spec.preference !== undefined) preferenceNumber(spec.preference);
  if (spec.onlink !== undefined) checkBoolean('onlink', spec.onlink);
  const number = familyNumber(family ?? 'inet');
  if (
    spec.table === undefined &&
    spec.scope === undefined &&
    spec.protocol === undefined &&
    spec.type === undefined
  )
    return usualRoute(number, prefix);
  return {
    family: number,
    prefix,
    table: spec.table === undefined ? RT_TABLE.MAIN : tableNumber(spec.table),
    scope: spec.scope === undefined ? undefined : numberOf('scope', spec.scope, scopes, 255),
    protocol:
      spec.protocol === undefined ? RTPROT.UNSPEC : numberOf('protocol', spec.protocol, protocols, 255),
    type: spec.type === undefined ? RTN.UNSPEC : numberOf('type', spec.type, routeTypes, 255),
  };
}

/** As iproute2 chooses it. */
function scopeOf(mode: string, { scope, type, family }: CheckedRoute, spec: RouteSpec): number {
  if (scope !== undefined) return scope;
  if (mode === 'delete') return RT_SCOPE.NOWHERE;
  if (type === RTN.LOCAL || type === RTN.NAT) return RT_SCOPE.HOST;
  if (type === RTN.BROADCAST || type === RTN.MULTICAST || type === RTN.ANYCAST) return RT_SCOPE.LINK;
  const direct = spec.gateway === undefined && spec.nextHops === undefined && spec.device !== undefined;
  return family === familyNumber('inet') && (type === RTN.UNICAST || type === RTN.UNSPEC) && direct
    ? RT_SCOPE.LINK
    : RT_SCOPE.UNIVERSE;
}

export function routeMessage(
  mode: 'add' | 'replace' | 'delete',
  checked: CheckedRoute,
  destination: string,
  spec: RouteSpec,
  devices: Devices,
): RouteRequest {
  const { family, prefix, table, protocol, type } = checked;
  const making = mode !== 'delete';
  const attributes: NonNullable<RouteRequest['attributes']> = {};
  if (destination !== 'default') attributes.dst = destination.slice(0, destination.indexOf('/'));
  if (spec.gateway !== undefined) attributes.gateway = spec.gateway;
  if (spec.device !== undefined && !spec.nextHops) attributes.oif = devices.index(spec.device);
  if (spec.source !== undefined) attributes.prefsrc = spec.source;
  if (spec.metric !== undefined) attributes.priority = spec.metric;
  const preference = spec.preference === undefined ? undefined : preferenceNumber(spec.preference);
  if (preference !== undefined && mode !== 'delete') attributes.pref = preference;
  if (table > 255) attributes.table = table;
  if (spec.nextHops) {
    attributes.multipath = spec.nextHops.map(({ gateway, device, weight = 1 }) => ({
      flags: 0,
      hops: weight - 1,
      index: device === undefined ? 0 : devices.index(device),
      attributes: gateway === undefined ? {} : { gateway },
    }));
  }
  return {
    family,
    dstLen: prefix,
    srcLen: 0,
    tos: 0,
    table: table > 255 ? RT_TABLE.UNSPEC : table,
    protocol: protocol === RTPROT.UNSPEC && making ? RTPROT.BOOT : protocol,
    scope: scopeOf(mode, checked, spec),
    type: type === RTN.UNSPEC && making ? RTN.UNICAST : type,
    flags: spec.onlink ? RTNH_F.ONLINK : 0,
    attributes,
  };
}

const Found = roomy<Route>();

/** A route as data; undefined for families that are not IP's. */
export function routeOf(
  message: RouteMessage,
  nameOf: (index: number) => string | undefined,
): Route | undefined {
  const family = familyOf(message.family);
  if (family === undefined) return undefined;
  const { attributes } = message;
  const route = new Found();
  route.destination = attributes.dst === undefined ? 'default' : `${attributes.dst}/${message.dstLen}`;
  route.family = family;
  route.table = tables.nameOf(attributes.table ?? message.table);
  route.scope = scopes.nameOf(message.scope);
  route.protocol = protocols.nameOf(message.protocol);
  if (attributes.gateway !== undefined) route.gateway = attributes.gateway;
  if (attributes.oif !== undefined) route.device = nameOf(attributes.oif) ?? String(attributes.oif);
  if (attributes.prefsrc !== undefined) route.source = attributes.prefsrc;
  if (attributes.priority !== undefined) route.metric = attributes.priority;
  if (message.type !== RTN.UNICAST) route.type = String(routeTypes.nameOf(message.type));
  const preference = attributes.pref === undefined ? undefined : PREFERENCES.get(attributes.pref);
  if (preference !== undefined) route.preference = preference;
  if (attributes.multipath !== undefined) {
    route.nextHops = attributes.multipath.map(({ attributes: { gateway }, index, hops, flags }) => ({
      ...(gateway !== undefined && { gateway }),
      ...(index !== 0 && { device: nameOf(index) ?? String(index) }),
      weight: hops + 1,
      ...(flags & RTNH_F.LINKDOWN && { flags: ['linkdown'] }),
    }));
  }
  if (message.flags & RTNH_F.ONLINK) route.onlink = true;
  if (message.flags & RTNH_F.LINKDOWN) route.flags = ['linkdown'];
  return route;
}
