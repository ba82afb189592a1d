import { parseAddress } from '../../netlink/addresses.js';
import { FilterError } from './error.js';

/** A word, a number, an address or a sign of a filter. */
export interface Token {
  kind: 'word' | 'number' | 'inet' | 'inet6' | 'mac' | 'sign' | 'end';
  text: string;
  /** Where it begins. */
  at: number;
  /** Of a number. */
  value: number;
  /** Of an address; of 'inet' as many as are given. */
  bytes: Uint8Array;
}

const NOTHING = new Uint8Array();

const SPACE = /\s*/y;
const MAC =
  /(?:[0-9a-f]{1,2}([:-])(?:[0-9a-f]{1,2}\1){4}[0-9a-f]{1,2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})(?![\w:.-])/iy;
const INET6 = /[0-9a-f]*:[0-9a-f]*:[\w:.]*/iy;
const INET = /\d+(?:\.\d+){1,3}(?![\w.])/y;
const NUMBER = /(?:0x[0-9a-f]+|\d+)(?!\w)/iy;
const WORD = /\\?[a-z_][\w.-]*/iy;
const SIGN = /<<|>>|<=|>=|!=|==|&&|\|\||[()[\]:/!=<>+\-*%&|^]/y;

const OCTAL = /^0\d/;

/** A filter in its parts, the last of which is its end. */
export function tokens(filter: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(filter)?.[0];
  };
  const read = (): Token => {
    const token = { at, value: 0, bytes: NOTHING };
    let text = match(MAC);
    if (text !== undefined) return { ...token, kind: 'mac', text, bytes: macOf(text) };
    text = match(INET6);
    if (text !== undefined) return { ...token, kind: 'inet6', text, bytes: inet6Of(filter, text, at) };
    text = match(INET);
    if (text !== undefined) return { ...token, kind: 'inet', text, bytes: inetOf(filter, text, at) };
    text = match(NUMBER);
    if (text !== undefined) return { ...token, kind: 'number', text, value: numberOf(filter, text, at) };
    text = match(WORD);
    if (text !== undefined) return { ...token, kind: 'word', text };
    text = match(SIGN);
    if (text !== undefined) return { ...token, kind: 'sign', text };
    throw new FilterError('what stands there is nothing of a filter', filter, at);
  };
  for (;;) {
    at += match(SPACE)?.length ?? 0;
    if (at === filter.length) break;
    const token = read();
    found.push(token);
    at += token.text.length;
  }
  found.push({ kind: 'end', text: '', at, value: 0, bytes: NOTHING });
  return found;
}

function macOf(text: string): Uint8Array {
  if (text[4] === '.') return Buffer.from(text.replaceAll('.', ''), 'hex');
  return Uint8Array.from(text.split(/[:-]/), (pair) => Number.parseInt(pair, 16));
}

function inet6Of(filter: string, text: string, at: number): Uint8Array {
  try {
    return parseAddress(text).bytes;
  } catch {
    throw new FilterError('expected an IPv6 address', filter, at);
  }
}

function inetOf(filter: string, text: string, at: number): Uint8Array {
  const parts = text.split('.').map(Number);
  if (parts.some((part) => part > 255)) throw new FilterError('expected an IPv4 address', filter, at);
  return Uint8Array.from(parts);
}

function numberOf(filter: string, text: string, at: number): number {
  if (OCTAL.test(text) && /[89]/.test(text)) throw new FilterError('expected an octal number', filter, at);
  const value = OCTAL.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (value > 0xffffffff) throw new FilterError('expected a number of 32 bits', filter, at);
  return value;
}
