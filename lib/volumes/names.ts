import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { checkString, invalidValue } from '../syscalls/validate.js';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const NAME_MAX = 255;

export function isVolumeName(name: string): boolean {
  return NAME.test(name) && name.length <= NAME_MAX;
}

/** Docker's rule. What it takes is one path component and never hidden. */
export function checkVolumeName(name: unknown, argument = 'name'): asserts name is string {
  checkString(argument, name);
  if (isVolumeName(name)) return;
  throw invalidValue(
    argument,
    'a name of 1 to 255 letters, digits, _, . and -, beginning with a letter or digit,',
    name,
  );
}

/** 64 hexadecimal digits, as Docker names volumes that nobody named. */
export function anyName(): string {
  return randomBytes(32).toString('hex');
}

/**
 * Where volumes are: /var/lib/nsnet/volumes for root, else in $XDG_DATA_HOME, or ~/.local/share, where a relative
 * $XDG_DATA_HOME does not count (XDG Base Directory Specification).
 */
export function defaultDirectory(): string {
  if (process.geteuid?.() === 0) return '/var/lib/nsnet/volumes';
  const { XDG_DATA_HOME = '' } = process.env;
  const data = isAbsolute(XDG_DATA_HOME) ? XDG_DATA_HOME : join(homedir(), '.local/share');
  return join(data, 'nsnet/volumes');
}
