import { randomBytes } from 'node:crypto';
import { checkString, invalidValue } from '../syscalls/validate.js';

/** Docker's rule: one path component, never hidden. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** A network's name, an endpoint's and a prefix go into one alternative name of 127 bytes. */
const NETWORK_MAX = 40;
/** A label of the domain name system (RFC 1035). */
const ENDPOINT_MAX = 63;

export function checkNetworkName(name: unknown, argument = 'name'): asserts name is string {
  check(name, argument, NETWORK_MAX);
}

export function checkEndpointName(name: unknown, argument = 'name'): asserts name is string {
  check(name, argument, ENDPOINT_MAX);
}

function check(name: unknown, argument: string, longest: number): asserts name is string {
  checkString(argument, name);
  if (NAME.test(name) && name.length <= longest) return;
  throw invalidValue(
    argument,
    `a name of 1 to ${longest} letters, digits, _, . and -, beginning with a letter or digit,`,
    name,
  );
}

/** Twelve hexadecimal digits, as Docker names what nobody named. */
export function anyName(): string {
  return randomBytes(6).toString('hex');
}
