import { type Elsewhere, meant } from './unknown-key.js';

/**
 * Checks of arguments. They throw what Node's own APIs throw, a TypeError or RangeError with Node's codes, before
 * anything is sent to the kernel.
 */
function argumentError<T extends Error>(error: T, code: string): T {
  return Object.assign(error, { code });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object')
    return typeof value === 'function' ? 'a function' : String(value);
  return `an instance of ${value.constructor?.name ?? 'Object'}`;
}

/** "Expected X for Y but received Z of type T" as a TypeError with ERR_INVALID_ARG_TYPE. */
export function invalidType(name: string, expected: string, value: unknown): TypeError {
  const promise = value instanceof Promise ? ': a promise, to be awaited first' : '';
  const type = value === null || value === undefined ? '' : promise || ` of type ${typeof value}`;
  return argumentError(
    new TypeError(`Expected ${expected} for ${name} but received ${shown(value)}${type}`),
    'ERR_INVALID_ARG_TYPE',
  );
}

/** A value of the right type that cannot be meant: ERR_INVALID_ARG_VALUE. */
export function invalidValue(name: string, expected: string, value: unknown): TypeError {
  return argumentError(
    new TypeError(`Expected ${expected} for ${name} but received ${shown(value)}`),
    'ERR_INVALID_ARG_VALUE',
  );
}

/** An option that does nothing, or not what was meant, without another one: ERR_INVALID_ARG_VALUE. */
export function needs(name: string, what: string): TypeError {
  return argumentError(new TypeError(`${name} needs ${what}`), 'ERR_INVALID_ARG_VALUE');
}

/** A number outside its range: ERR_OUT_OF_RANGE. */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
  return argumentError(
    new RangeError(`Expected ${range} for ${name} but received ${shown(value)}`),
    'ERR_OUT_OF_RANGE',
  );
}

/** Thrown by the constructor of a class whose objects `instead` makes: Node's ERR_ILLEGAL_CONSTRUCTOR. */
export function illegalConstructor(name: string, instead: string): TypeError {
  return argumentError(
    new TypeError(`new ${name}() makes nothing: use \`await ${instead}\``),
    'ERR_ILLEGAL_CONSTRUCTOR',
  );
}

export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw invalidType(name, 'a string', value);
  if (value.includes('\0')) throw invalidValue(name, 'a string without NUL bytes', value);
}

export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `an integer from ${min} to ${max}`, value);
  }
}

export function checkBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidType(name, 'a boolean', value);
}

export function checkObject(name: string, value: unknown): asserts value is object {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw invalidType(name, 'an object', value);
}

export function checkSignal(value: unknown): asserts value is AbortSignal | undefined {
  if (value === undefined) return;
  if (value === null || typeof value !== 'object' || typeof (value as AbortSignal).aborted !== 'boolean') {
    throw invalidType('signal', 'an AbortSignal', value);
  }
}

/** Refuses options that are not known, so that a misspelt one is never silently ignored. */
export function checkKeys(
  name: string,
  value: object,
  known: readonly string[],
  elsewhere: Elsewhere = {},
): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const near = meant(key, known, elsewhere);
    const text = `Unknown key ${shown(key)} in ${name}${near === undefined ? '.' : `: ${near}`} Known: ${known.join(', ')}`;
    throw argumentError(new TypeError(text), 'ERR_INVALID_ARG_VALUE');
  }
}
