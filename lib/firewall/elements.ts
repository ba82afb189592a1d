import type { ElementAttributes } from '../nftables/element.js';
import type { AnyExpression } from '../nftables/expressions/expression.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import type { DataType } from './datatypes.js';
import { formatKey, formatSpan, parseKey, parseSpan, sortable } from './key.js';
import type { SetShape } from './set-shape.js';
import type { Key, SetElement, Verdict } from './types.js';
import { commentOf, udataOf } from './udata.js';

const KNOWN = ['key', 'value', 'timeout', 'expires', 'comment', 'expressions', 'userdata'];
const CATCH_ALL = '*';
const LONGEST_TIMEOUT = 2 ** 53 - 1;

/** An element, or a key alone. */
export function elementOf(given: SetElement | Key): SetElement {
  if (typeof given === 'object' && !Array.isArray(given) && !(given instanceof Uint8Array)) {
    checkObject('element', given);
    checkKeys('element', given, KNOWN);
    return given as SetElement;
  }
  return { key: given as Key };
}

/** Elements as the kernel takes them: an interval of one value without concatenation is two of them. */
export function elementsToWire(
  shape: SetShape,
  given: readonly (SetElement | Key)[],
  deleting = false,
): ElementAttributes[] {
  if (!Array.isArray(given)) throw invalidType('elements', 'an array', given);
  return given.flatMap((one) => elementToWire(shape, elementOf(one), deleting));
}

function elementToWire(shape: SetShape, element: SetElement, deleting: boolean): ElementAttributes[] {
  const { keys, interval } = shape;
  const rest = deleting ? {} : extras(shape, element);
  const data = deleting ? {} : valueToWire(shape, element.value);
  if (element.key === CATCH_ALL) return [{ flags: ['catchAll'], ...data, ...rest }];
  if (!interval) return [{ key: parseKey(keys, element.key, 'element.key'), ...data, ...rest }];
  const { low, high } = parseSpan(keys, element.key, 'element.key');
  if (keys.length > 1) return [{ key: low, keyEnd: high, ...data, ...rest }];
  const begin = { key: low, ...data, ...rest };
  const end = next(keys[0] as DataType, high);
  return end ? [begin, { flags: ['intervalEnd'], key: end }] : [begin];
}

/** The number after; undefined after the last. */
function next(type: DataType, bytes: Uint8Array): Uint8Array | undefined {
  const after = sortable(type, bytes).slice();
  for (let i = after.length - 1; i >= 0; i--) {
    after[i] = ((after[i] as number) + 1) & 0xff;
    if (after[i] !== 0) return sortable(type, after);
  }
  return undefined;
}

function before(type: DataType, bytes: Uint8Array): Uint8Array {
  const less = sortable(type, bytes).slice();
  for (let i = less.length - 1; i >= 0; i--) {
    less[i] = ((less[i] as number) - 1) & 0xff;
    if (less[i] !== 0xff) break;
  }
  return sortable(type, less);
}

function valueToWire({ values }: SetShape, value: unknown): Pick<ElementAttributes, 'data' | 'objref'> {
  if (values === undefined) {
    if (value !== undefined) throw invalidValue('element.value', 'none: the set is no map', value);
    return {};
  }
  if (value === undefined) throw invalidValue('element.value', 'a value: the set is a map', value);
  if (values === 'verdict') {
    checkObject('element.value', value);
    if (value instanceof Uint8Array) throw invalidType('element.value', 'a verdict', value);
    return { data: value as Verdict };
  }
  if ('object' in values) {
    checkString('element.value', value);
    return { objref: value };
  }
  return { data: parseKey(values, value, 'element.value') };
}

function extras(_shape: SetShape, element: SetElement): ElementAttributes {
  const { timeout, expires, expressions, comment } = element;
  const out: ElementAttributes = {};
  if (timeout !== undefined) {
    checkInteger('element.timeout', timeout, 0, LONGEST_TIMEOUT);
    out.timeout = timeout;
  }
  if (expires !== undefined) {
    checkInteger('element.expires', expires, 0, LONGEST_TIMEOUT);
    out.expiration = expires;
  }
  if (comment !== undefined) out.userdata = udataOf({ comment });
  if (expressions !== undefined && expressions.length === 1) out.expression = expressions[0] as AnyExpression;
  else if (expressions !== undefined && expressions.length > 1)
    out.expressions = expressions as readonly AnyExpression[] as AnyExpression[];
  return out;
}

/** Elements of a whole set as people know them, intervals in order. */
export function elementsFromWire(shape: SetShape, wire: readonly ElementAttributes[]): SetElement[] {
  const { keys, interval } = shape;
  if (!interval || keys.length > 1) return wire.flatMap((one) => single(shape, one));
  const type = keys[0] as DataType;
  const plain = wire.filter((one) => one.key !== undefined);
  const sorted = plain
    .map((one) => ({
      one,
      at: sortable(type, one.key as Uint8Array),
      ends: one.flags?.includes('intervalEnd') ?? false,
    }))
    .sort((a, b) => Buffer.compare(a.at, b.at) || Number(b.ends) - Number(a.ends));
  const out: SetElement[] = [];
  for (const [i, { one, ends }] of sorted.entries()) {
    if (ends) continue;
    const following = sorted[i + 1];
    const high = following
      ? before(type, following.one.key as Uint8Array)
      : new Uint8Array(type.size).fill(0xff);
    out.push(shown(shape, one, formatSpan(keys, { low: one.key as Uint8Array, high })));
  }
  return [...out, ...wire.filter((one) => one.key === undefined).flatMap((one) => single(shape, one))];
}

function single(shape: SetShape, one: ElementAttributes): SetElement[] {
  const { key, keyEnd, flags } = one;
  if (key === undefined) return flags?.includes('catchAll') ? [shown(shape, one, CATCH_ALL)] : [];
  if (!shape.interval) return [shown(shape, one, formatKey(shape.keys, key))];
  return [shown(shape, one, formatSpan(shape.keys, { low: key, high: keyEnd ?? key }))];
}

function shown({ values }: SetShape, one: ElementAttributes, key: Key): SetElement {
  const { data, objref, timeout, expiration, userdata, expression, expressions } = one;
  const out: SetElement = { key };
  if (objref !== undefined) out.value = objref;
  else if (data instanceof Uint8Array) out.value = Array.isArray(values) ? formatKey(values, data) : data;
  else if (data !== undefined) out.value = data;
  if (timeout !== undefined) out.timeout = Number(timeout);
  if (expiration !== undefined) out.expires = Number(expiration);
  const { comment } = commentOf(userdata);
  if (comment !== undefined) out.comment = comment;
  if (expression !== undefined) out.expressions = [expression as AnyExpression];
  else if (expressions !== undefined) out.expressions = expressions as AnyExpression[];
  return out;
}
