import {
  and,
  type Direction,
  hardware,
  isType,
  length,
  multicast,
  not,
  onLink,
  or,
  outgoing,
  protocol,
  vlan,
} from './blocks.js';
import { Cursor } from './cursor.js';
import type { FilterError } from './error.js';
import type { Block } from './frame.js';
import { ETHERTYPE, PROTOCOLS } from './names.js';
import { type Qualifiers, readId } from './primitives.js';
import { mayBeArithmetic, readRelation } from './read-arithmetic.js';

/** A part of a filter; and what it said of its addresses and numbers, for one behind it that does not say it. */
interface Part {
  block: Block;
  qualifiers?: Qualifiers;
}

const TYPES = ['host', 'net', 'port', 'portrange', 'proto'] as const;
const UNSUPPORTED = [
  'gateway',
  'protochain',
  'byte',
  'mpls',
  'pppoed',
  'pppoes',
  'geneve',
  'vxlan',
  'llc',
  'wlan',
  'type',
  'subtype',
  'iso',
  'stp',
  'ipx',
  'netbeui',
  'atalk',
  'aarp',
  'decnet',
  'rnr',
  'rulenum',
  'reason',
  'rset',
  'action',
  'on',
  'ifname',
  'lat',
  'moprc',
  'mopdl',
  'fddi',
  'tr',
  'ppp',
  'slip',
  'inet',
  'carp',
  'igrp',
  'ra',
  'ta',
  'addr1',
  'addr2',
  'addr3',
  'addr4',
  'dir',
];

/** Reads a filter in the language of pcap-filter(7). */
export function parse(filter: string): Block {
  const cursor = new Cursor(filter);
  const { block } = readExpression(cursor, undefined);
  if (cursor.token.kind !== 'end') throw unexpected(cursor);
  return block;
}

/** `and` and `or` bind alike, from the left. */
function readExpression(cursor: Cursor, given: Qualifiers | undefined): Part {
  let { block, qualifiers } = readTerm(cursor, given);
  for (;;) {
    const word = cursor.accept('and', '&&', 'or', '||');
    if (word === undefined) return { block, qualifiers };
    const right = readTerm(cursor, qualifiers);
    block = (word === 'and' || word === '&&' ? and : or)(block, right.block);
    qualifiers = right.qualifiers;
  }
}

function readTerm(cursor: Cursor, given: Qualifiers | undefined): Part {
  if (cursor.accept('not', '!')) {
    const { block, qualifiers } = cursor.deeper(() => readTerm(cursor, given));
    return { block: not(block), qualifiers };
  }
  let failed: FilterError | undefined;
  if (mayBeArithmetic(cursor)) {
    // A number may be a port that goes with what came before, and a parenthesis hold a filter.
    if (cursor.token.kind !== 'number' && !cursor.is('(')) return { block: readRelation(cursor) };
    const block = cursor.attempt(
      () => readRelation(cursor),
      (error) => {
        failed = error;
      },
    );
    if (block) return { block };
  }
  try {
    return readPrimitive(cursor, given);
  } catch (error) {
    // Of two ways to read it, the one that got further was meant.
    throw failed && failed.position > (error as FilterError).position ? failed : error;
  }
}

function readPrimitive(cursor: Cursor, given: Qualifiers | undefined): Part {
  if (cursor.accept('(')) {
    const inner = cursor.deeper(() => readExpression(cursor, given));
    cursor.expect(')');
    return inner;
  }
  const { kind, text } = cursor.token;
  const isWord = kind === 'word';
  if (isWord && UNSUPPORTED.includes(text)) throw cursor.error(`'${text}' is not supported`);
  const special = isWord ? readSpecial(cursor) : undefined;
  if (special) return { block: special };
  const isHead =
    isWord &&
    (isProtocol(text) || (TYPES as readonly string[]).includes(text) || text === 'src' || text === 'dst');
  if (isHead) return readHead(cursor);
  if (given === undefined || kind === 'sign' || kind === 'end') throw unexpected(cursor);
  return { block: readId(cursor, given), qualifiers: given };
}

const isProtocol = (word: string) =>
  word === 'ether' || word === 'link' || Object.hasOwn(ETHERTYPE, word) || Object.hasOwn(PROTOCOLS, word);

/** Qualifiers and what they are said of; a protocol may stand alone. */
function readHead(cursor: Cursor): Part {
  const begin = cursor.token;
  const word = isProtocol(begin.text) ? cursor.take().text : undefined;
  const name = word === 'link' ? 'ether' : word;
  if (name !== undefined && cursor.is('broadcast', 'multicast')) return { block: readCast(cursor, name) };
  const direction = readDirection(cursor);
  const type = cursor.accept(...TYPES) as Qualifiers['type'];
  if (cursor.is('gateway', 'protochain')) throw cursor.error(`'${cursor.token.text}' is not supported`);
  if (name !== undefined && direction === undefined && type === undefined) {
    return { block: wholeProtocol(cursor, name) };
  }
  const qualifiers: Qualifiers = { protocol: name, direction, type };
  if (!cursor.is('(')) return { block: readId(cursor, qualifiers), qualifiers };
  cursor.take();
  const block = cursor.deeper(() => readIds(cursor, qualifiers));
  cursor.expect(')');
  return { block, qualifiers };
}

/** port (80 or 443) */
function readIds(cursor: Cursor, qualifiers: Qualifiers): Block {
  const one = (): Block => {
    if (cursor.accept('not', '!')) return cursor.deeper(() => not(one()));
    if (!cursor.accept('(')) return readId(cursor, qualifiers);
    const inner = cursor.deeper(() => readIds(cursor, qualifiers));
    cursor.expect(')');
    return inner;
  };
  let block = one();
  for (
    let word = cursor.accept('and', '&&', 'or', '||');
    word;
    word = cursor.accept('and', '&&', 'or', '||')
  ) {
    block = (word === 'and' || word === '&&' ? and : or)(block, one());
  }
  return block;
}

function readDirection(cursor: Cursor): Direction | undefined {
  const first = cursor.accept('src', 'dst');
  if (first === undefined) return undefined;
  const { following } = cursor;
  const other = first === 'src' ? 'dst' : 'src';
  if (!cursor.is('or', 'and', '||', '&&') || following.kind !== 'word' || following.text !== other)
    return first as Direction;
  const isOr = cursor.take().text;
  cursor.take();
  return isOr === 'or' || isOr === '||' ? 'src or dst' : 'src and dst';
}

function wholeProtocol(cursor: Cursor, name: string): Block {
  if (name === 'ether') throw cursor.error("expected what to look for behind 'ether'");
  const type = ETHERTYPE[name as 'ip'];
  if (type !== undefined) return isType(type, cursor.tags);
  const { number, family } = PROTOCOLS[name]!;
  return protocol(number, family, cursor.tags);
}

const BROADCAST = new Uint8Array(6).fill(0xff);

function readCast(cursor: Cursor, name: string): Block {
  const word = cursor.token;
  cursor.take();
  if (word.text === 'broadcast') {
    if (name === 'ether') return hardware(BROADCAST, 'dst');
    throw cursor.error(
      `'${name} broadcast' is not supported: which address that is, depends on the network`,
      word,
    );
  }
  if (name !== 'ether' && name !== 'ip' && name !== 'ip6')
    throw cursor.error(`'${name}' has no multicast`, word);
  return multicast(name, cursor.tags);
}

/** What stands alone. */
function readSpecial(cursor: Cursor): Block | undefined {
  const { text } = cursor.token;
  switch (text) {
    case 'broadcast':
    case 'multicast':
      return readCast(cursor, 'ether');
    case 'inbound':
    case 'outbound':
      cursor.take();
      return text === 'inbound' ? not(outgoing) : outgoing;
    case 'less':
      cursor.take();
      return not(length('GT', cursor.number('bytes', 0xffffffff)));
    case 'greater':
      cursor.take();
      return length('GE', cursor.number('bytes', 0xffffffff));
    case 'ifindex':
      cursor.take();
      return onLink(cursor.number('the index of a link', 0x7fffffff));
    case 'vlan':
      cursor.take();
      return readVlan(cursor);
    default:
      return undefined;
  }
}

function readVlan(cursor: Cursor): Block {
  const id = cursor.token.kind === 'number' ? cursor.number('the number of a VLAN', 4095) : undefined;
  return vlan(id, cursor.tags++);
}

function unexpected(cursor: Cursor): FilterError {
  const { kind } = cursor.token;
  if (kind === 'end') return cursor.error('something is missing');
  if (kind === 'word') return cursor.error('an unknown word, or one that is not expected there');
  return cursor.error('this is not expected there');
}
