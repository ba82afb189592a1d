import { formatAddress, parseAddress } from '../netlink/addresses.js';
import { checkInteger, checkKeys, checkString, invalidType, invalidValue } from '../syscalls/validate.js';

/** Protocols of ports that can be published. */
export type PublishedProtocol = 'tcp' | 'udp' | 'sctp';

/** A port of a container that is published on the host. */
export interface Published {
  /** Address of the host; without it all of them. IPv4 or IPv6, without brackets. */
  hostAddress?: string;
  /** Without it, or 0: a free one. */
  hostPort?: number;
  /** Of a range that begins with `hostPort`, the last: the first of them that is free is taken. */
  lastHostPort?: number;
  containerPort: number;
  protocol: PublishedProtocol;
}

/** The same as it may be given: `protocol` is 'tcp' where it is left out. */
export type PublishedSpec = Omit<Published, 'protocol'> & { protocol?: PublishedProtocol };

const KEYS = ['hostAddress', 'hostPort', 'lastHostPort', 'containerPort', 'protocol'];
const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'];
const HIGHEST = 65_535;
const FORMS =
  "'80', '8080:80', '127.0.0.1:8080:80', '[::1]:8080:80', '127.0.0.1::80', '8000-8009:9000-9009', or one of these with '/udp'";

/** The first and the last of a range of ports, which may be one. */
type Range = readonly [first: number, last: number];

/**
 * What is published, as a flat list: each item an object, or what `docker run -p` takes,
 * `[[address:][hostPort[-last]]:]containerPort[-last][/tcp|/udp|/sctp]` (docker-run(1)). An IPv6 address is in brackets. A
 * range of container ports goes to a range of the host of the same length, or to free ports; a range of the host may also be
 * given for one container port. What is said twice is published once.
 *
 * Throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE or ERR_OUT_OF_RANGE for anything else, and where two items ask for the
 * same port of the host for different ones of the container.
 */
export function parsePublished(items: readonly (string | PublishedSpec)[], name = 'publish'): Published[] {
  if (!Array.isArray(items)) throw invalidType(name, 'an array', items);
  const all = (items as readonly unknown[]).flatMap((item, i) =>
    typeof item === 'string' ? parseSpec(`${name}[${i}]`, item) : [checkPublished(`${name}[${i}]`, item)],
  );
  return distinct(name, all);
}

/** As `docker run -p` takes it: what `parsePublished` reads. */
export function formatPublished({
  hostAddress,
  hostPort,
  lastHostPort,
  containerPort,
  protocol,
}: Published): string {
  const end = `${containerPort}/${protocol}`;
  const ports =
    hostPort === undefined ? '' : `${hostPort}${lastHostPort === undefined ? '' : `-${lastHostPort}`}`;
  if (hostAddress === undefined) return ports === '' ? end : `${ports}:${end}`;
  return `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:${ports}:${end}`;
}

function parseSpec(name: string, spec: string): Published[] {
  // The address is all before the last two parts; only IPv6 has colons of its own, and brackets around them.
  const [, address, host, container = '', suffix] =
    /^(?:(?:(\[[^[\]]*\]|[^:[\]]*):)?([^:]*):)?([^:/]+)(?:\/([^:/]*))?$/.exec(spec) ?? [];
  if (container === '') throw notASpec(name, spec);
  const protocol = suffix === undefined ? 'tcp' : suffix.toLowerCase();
  if (!isProtocol(protocol))
    throw invalidValue(name, "one of '/tcp', '/udp' and '/sctp' behind the port", spec);
  // ':80' would be a slip: whoever means any port writes '80', whoever means an address writes it.
  if (host === '' && !address) throw notASpec(name, spec);
  const hostAddress = address === undefined ? undefined : addressOf(name, spec, address);
  const to = rangeOf(name, spec, container, 1);
  const from = host ? rangeOf(name, spec, host, 0) : undefined;
  return pairs(name, spec, from, to).map((ports) => published(hostAddress, ports, protocol));
}

interface Ports {
  hostPort?: number;
  lastHostPort?: number;
  containerPort: number;
}

function pairs(name: string, spec: string, from: Range | undefined, [first, last]: Range): Ports[] {
  const count = last - first + 1;
  const each = (hostPort: (i: number) => number | undefined) =>
    Array.from({ length: count }, (_, i) => ({ hostPort: hostPort(i), containerPort: first + i }));
  if (from === undefined || from[1] === 0) return each(() => undefined);
  if (from[1] - from[0] + 1 === count) return each((i) => from[0] + i);
  if (count === 1) return [{ hostPort: from[0], lastHostPort: from[1], containerPort: first }];
  throw invalidValue(name, 'ranges of the same length, or one container port,', spec);
}

function rangeOf(name: string, spec: string, text: string, least: 0 | 1): Range {
  const [, one, other] = /^(0|[1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(text) ?? [];
  if (one === undefined) throw notASpec(name, spec);
  const [first, last] = [Number(one), Number(other ?? one)];
  checkInteger(`a port of ${name}`, first, other === undefined ? least : 1, HIGHEST);
  checkInteger(`a port of ${name}`, last, 0, HIGHEST);
  if (last < first) throw invalidValue(name, 'ranges that end behind their beginning', spec);
  return [first, last];
}

function addressOf(name: string, spec: string, text: string): string {
  const inner = text.startsWith('[') ? text.slice(1, -1) : text;
  const address = canonical(name, inner, spec);
  if (text.startsWith('[') !== address.includes(':')) {
    throw invalidValue(name, 'brackets around an IPv6 address, and around no other,', spec);
  }
  return address;
}

/** In its usual form. An IPv4 address inside an IPv6 one would be bound by neither family. */
function canonical(name: string, text: string, shown: string): string {
  let address: string;
  try {
    address = formatAddress(parseAddress(text, name).bytes);
  } catch {
    throw invalidValue(name, 'an IPv4 or IPv6 address of the host (names are not resolved)', shown);
  }
  if (address.startsWith('::ffff:') && address.includes('.')) {
    throw invalidValue(name, `an IPv4 address as such, '${address.slice(7)}',`, shown);
  }
  return address;
}

function checkPublished(name: string, item: unknown): Published {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) {
    throw invalidType(name, `a string as ${FORMS}, or an object of these,`, item);
  }
  checkKeys(name, item, KEYS);
  const { hostAddress, hostPort, lastHostPort, containerPort, protocol = 'tcp' } = item as PublishedSpec;
  if (hostAddress !== undefined) checkString(`${name}.hostAddress`, hostAddress);
  if (hostPort !== undefined) checkInteger(`${name}.hostPort`, hostPort, 0, HIGHEST);
  if (lastHostPort !== undefined) {
    // Of a free port there is no range.
    checkInteger(`${name}.lastHostPort`, lastHostPort, hostPort || HIGHEST + 1, HIGHEST);
  }
  checkInteger(`${name}.containerPort`, containerPort, 1, HIGHEST);
  checkString(`${name}.protocol`, protocol);
  if (!isProtocol(protocol)) throw invalidValue(`${name}.protocol`, "'tcp', 'udp' or 'sctp'", protocol);
  const address =
    hostAddress === undefined ? undefined : canonical(`${name}.hostAddress`, hostAddress, hostAddress);
  return published(address, { hostPort, lastHostPort, containerPort }, protocol);
}

/** Without what is not said: 0 is no port of the host, and a range of one is no range. */
function published(hostAddress: string | undefined, ports: Ports, protocol: PublishedProtocol): Published {
  const { hostPort, lastHostPort, containerPort } = ports;
  return {
    ...(hostAddress !== undefined && { hostAddress }),
    ...(hostPort && { hostPort }),
    ...(hostPort && lastHostPort !== undefined && lastHostPort > hostPort && { lastHostPort }),
    containerPort,
    protocol,
  };
}

function distinct(name: string, all: readonly Published[]): Published[] {
  const kept = new Map<string, Published>();
  const byHost = new Map<string, Published>();
  for (const one of all) {
    const { hostAddress, hostPort, lastHostPort, protocol } = one;
    if (hostPort !== undefined && lastHostPort === undefined) {
      const host = `${hostAddress} ${hostPort} ${protocol}`;
      const other = byHost.get(host);
      if (other && other.containerPort !== one.containerPort) {
        const both = `${formatPublished(other)} and ${formatPublished(one)}`;
        throw invalidValue(name, 'each port of the host once', both);
      }
      byHost.set(host, one);
    }
    kept.set(formatPublished(one), one);
  }
  return [...kept.values()];
}

const isProtocol = (text: string): text is PublishedProtocol => PROTOCOLS.includes(text);

const notASpec = (name: string, spec: string) => invalidValue(name, `${FORMS},`, spec);
