import { networkOf } from '../../netlink/addresses.js';
import { address, type Direction, hardware, isType, or, ports, protocol } from './blocks.js';
import type { Cursor } from './cursor.js';
import type { Block } from './frame.js';
import type { Token } from './lexer.js';
import { ETHERTYPE, PROTOCOLS, SERVICES } from './names.js';

/** What stands before an address, a number or a name, and says what it is. */
export interface Qualifiers {
  protocol?: string;
  direction?: Direction;
  type?: 'host' | 'net' | 'port' | 'portrange' | 'proto';
}

const hasNumber = (token: Token) => token.kind === 'number';

/** What the qualifiers are said of: 10.0.0.1, 80, 00:00:5e:00:53:01. */
export function readId(cursor: Cursor, qualifiers: Qualifiers): Block {
  switch (qualifiers.type ?? 'host') {
    case 'host':
      return readHost(cursor, qualifiers);
    case 'net':
      return readNet(cursor, qualifiers);
    case 'proto':
      return readProtocol(cursor, qualifiers);
    default:
      return readPorts(cursor, qualifiers);
  }
}

function readHost(cursor: Cursor, { protocol: family, direction = 'src or dst', type }: Qualifiers): Block {
  const { token } = cursor;
  if (family === 'ether') {
    if (token.kind !== 'mac') throw cursor.error('expected an Ethernet address');
    cursor.take();
    return hardware(token.bytes, direction);
  }
  if (token.kind === 'mac') throw cursor.error("an Ethernet address needs 'ether' before it");
  if (cursor.following.text === '/') {
    if (type === 'host') throw cursor.error("a network needs 'net' before it");
    return readNet(cursor, { protocol: family, direction });
  }
  if (token.kind === 'word') throw cursor.error('host names are not resolved: expected an address');
  const isWhole = (token.kind === 'inet' && token.bytes.length === 4) || token.kind === 'inet6';
  if (!isWhole) throw cursor.error('expected an address');
  cursor.take();
  return addresses(cursor, token, token.bytes, 8 * token.bytes.length, family, direction);
}

function readNet(cursor: Cursor, { protocol: family, direction = 'src or dst' }: Qualifiers): Block {
  const { token } = cursor;
  const isPart = hasNumber(token) && token.value <= 255;
  if (token.kind !== 'inet' && token.kind !== 'inet6' && !isPart) throw cursor.error('expected a network');
  cursor.take();
  const given = isPart ? Uint8Array.of(token.value) : token.bytes;
  const full = new Uint8Array(token.kind === 'inet6' ? 16 : 4);
  full.set(given);
  const prefix = readPrefix(cursor, token, 8 * given.length, 8 * full.length);
  const network = networkOf(full, prefix);
  if (!network.every((byte, i) => byte === full[i]))
    throw cursor.error(`the network has bits beyond its prefix of ${prefix}`, token);
  return addresses(cursor, token, full, prefix, family, direction);
}

function readPrefix(cursor: Cursor, { kind }: Token, given: number, most: number): number {
  if (cursor.accept('/')) return cursor.number('the length of a prefix', most);
  if (kind !== 'inet' || !cursor.accept('mask')) return given;
  const { token } = cursor;
  if (token.kind !== 'inet' || token.bytes.length !== 4) throw cursor.error('expected a mask');
  const bits = Array.from(token.bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  if (!/^1*0*$/.test(bits)) throw cursor.error('expected a mask that is a prefix');
  cursor.take();
  return bits.indexOf('0') < 0 ? 32 : bits.indexOf('0');
}

/** Those of IPv4 also in ARP, where nothing is said. */
function addresses(
  cursor: Cursor,
  token: Token,
  bytes: Uint8Array,
  prefix: number,
  family: string | undefined,
  direction: Direction,
): Block {
  const { tags } = cursor;
  const of = (one: keyof typeof ETHERTYPE) => address(one, bytes, prefix, direction, tags);
  if (bytes.length === 16) {
    if (family !== undefined && family !== 'ip6')
      throw cursor.error(`an IPv6 address with '${family}'`, token);
    return of('ip6');
  }
  if (family === undefined) return or(of('ip'), or(of('arp'), of('rarp')));
  if (family === 'ip' || family === 'arp' || family === 'rarp') return of(family);
  throw cursor.error(`an IPv4 address with '${family}'`, token);
}

const PORTED: Readonly<Record<string, readonly number[]>> = { tcp: [6], udp: [17], sctp: [132] };

function readPorts(cursor: Cursor, { protocol: name, direction = 'src or dst', type }: Qualifiers): Block {
  const numbers = name === undefined ? undefined : PORTED[name];
  if (name !== undefined && !numbers) throw cursor.error(`'${name}' has no ports: say tcp, udp or sctp`);
  const [first, over] = readPort(cursor);
  const [last] = type === 'portrange' && cursor.accept('-') ? readPort(cursor) : [first];
  const [low, high] = [Math.min(first, last), Math.max(first, last)];
  return ports(numbers ?? over ?? [], low, high, direction, cursor.tags);
}

/** A port; of a service also what it is over. */
function readPort(cursor: Cursor): readonly [port: number, protocols?: readonly number[]] {
  const { kind, text } = cursor.token;
  if (kind !== 'word') return [cursor.number('a port', 65_535)];
  const service = Object.hasOwn(SERVICES, text) ? SERVICES[text] : undefined;
  if (!service) throw cursor.error('not a service that is known here: say its port');
  cursor.take();
  return service;
}

function readProtocol(cursor: Cursor, { protocol: over, direction }: Qualifiers): Block {
  const { token, tags } = cursor;
  if (direction !== undefined) throw cursor.error('a protocol has no direction');
  const name = token.text.replace(/^\\/, '');
  const isWord = token.kind === 'word';
  if (over === 'ether') {
    const type = isWord ? ETHERTYPE[name as 'ip'] : token.value;
    if (!(isWord || hasNumber(token)) || type === undefined || type > 0xffff)
      throw cursor.error('expected an EtherType');
    if (type <= 1500) throw cursor.error('frames of IEEE 802.3 (LLC) are not supported');
    cursor.take();
    return isType(type, tags);
  }
  if (over !== undefined && over !== 'ip' && over !== 'ip6') throw cursor.error(`'${over}' has no protocols`);
  const known = Object.hasOwn(PROTOCOLS, name) ? PROTOCOLS[name] : undefined;
  const number = isWord ? known?.number : token.value;
  if (!(isWord || hasNumber(token)) || number === undefined || number > 255)
    throw cursor.error('expected a protocol');
  cursor.take();
  return protocol(number, over, tags);
}
