import {
  type Arithmetic,
  bytes,
  constant,
  frameLength,
  isOperator,
  isRelation,
  negative,
  type Operator,
  operation,
  relation,
} from './arithmetic.js';
import type { Cursor } from './cursor.js';
import type { Block, Size } from './frame.js';
import { CONSTANTS, ETHERTYPE, PROTOCOLS } from './names.js';

/** What binds closest last. */
const LEVELS: readonly (readonly Operator[])[] = [
  ['|', '&', '^'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const isHeader = (name: string) =>
  name === 'ether' || name === 'link' || Object.hasOwn(ETHERTYPE, name) || Object.hasOwn(PROTOCOLS, name);

/** Whether a comparison may begin here; with a parenthesis that is yet to be seen. */
export function mayBeArithmetic(cursor: Cursor): boolean {
  const { kind, text } = cursor.token;
  if (kind === 'number' || cursor.is('(', '-', 'len')) return true;
  return kind === 'word' && (Object.hasOwn(CONSTANTS, text) || cursor.following.text === '[');
}

/** A comparison: tcp[tcpflags] & tcp-syn != 0. */
export function readRelation(cursor: Cursor): Block {
  const left = readLevel(cursor, 0);
  const sign = cursor.token;
  if (sign.kind !== 'sign' || !isRelation(sign.text)) throw cursor.error('expected a comparison');
  cursor.take();
  return relation(left, sign.text, readLevel(cursor, 0));
}

function readLevel(cursor: Cursor, level: number): Arithmetic {
  const operators = LEVELS[level];
  if (operators === undefined) return readOperand(cursor);
  let left = readLevel(cursor, level + 1);
  for (let sign = cursor.token; isOperator(sign.text) && operators.includes(sign.text); sign = cursor.token) {
    cursor.take();
    const right = readLevel(cursor, level + 1);
    if ((sign.text === '/' || sign.text === '%') && right.constant === 0)
      throw cursor.error('a division by 0', sign);
    if ((sign.text === '<<' || sign.text === '>>') && (right.constant ?? 0) > 31)
      throw cursor.error('a shift by more than 31', sign);
    left = operation(sign.text, left, right);
  }
  return left;
}

function readOperand(cursor: Cursor): Arithmetic {
  const { token } = cursor;
  if (token.kind === 'number') return constant(cursor.take().value);
  if (cursor.accept('-')) return cursor.deeper(() => negative(readOperand(cursor)));
  if (cursor.accept('len')) return frameLength;
  if (cursor.accept('(')) {
    const inner = cursor.deeper(() => readLevel(cursor, 0));
    cursor.expect(')');
    return inner;
  }
  if (token.kind === 'word' && Object.hasOwn(CONSTANTS, token.text)) {
    cursor.take();
    return constant(CONSTANTS[token.text]!);
  }
  if (token.kind !== 'word' || !isHeader(token.text)) throw cursor.error('expected a number or a header');
  cursor.take();
  cursor.expect('[');
  const index = cursor.deeper(() => readLevel(cursor, 0));
  let size = 1;
  if (cursor.accept(':')) {
    const given = cursor.token;
    size = cursor.number('1, 2 or 4 bytes,', 4);
    if (size !== 1 && size !== 2 && size !== 4) throw cursor.error('expected 1, 2 or 4 bytes', given);
  }
  cursor.expect(']');
  return bytes(token.text, index, size as Size, cursor.tags);
}
