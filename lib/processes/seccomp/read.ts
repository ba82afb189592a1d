import { errnoOf } from '../../syscalls/errno.js';
import { unsupportedError } from '../../syscalls/errors.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
  outOfRange,
} from '../../syscalls/validate.js';
import { EPERM, MAX_DATA, RETURN } from './actions.js';
import { ARCHITECTURES } from './architectures.js';
import { type Condition, OPERATORS } from './conditions.js';
import type { SeccompAction, SeccompOperator } from './types.js';

/** For whom a rule counts. */
export interface Scope {
  caps: readonly string[];
  arches: readonly string[];
  minKernel: string | undefined;
}

export interface Rule {
  names: readonly string[];
  /** What the filter returns. */
  action: number;
  /** It matches if all conditions of one of these hold; without any it always does. */
  alternatives: readonly (readonly Condition[])[];
  includes: Scope;
  excludes: Scope;
}

/** A profile without what may be left out. */
export interface Profile {
  defaultAction: number;
  architectures: readonly string[];
  archMap: readonly { architecture: string; subArchitectures: readonly string[] }[];
  flags: number;
  rules: readonly Rule[];
}

const FLAGS: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};
const NEEDS_LISTENER = 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV';

const MAX_UINT64 = 2n ** 64n - 1n;
const NOBODY: Scope = { caps: [], arches: [], minKernel: undefined };

type Fields = Readonly<Record<string, unknown>>;

/** Reads a profile, or throws what is wrong with it and where. Go writes null for what is not there. */
export function readProfile(path: string, given: object): Profile {
  const profile = fields(path, given, [
    'defaultAction',
    'defaultErrnoRet',
    'defaultErrno',
    'architectures',
    'archMap',
    'flags',
    'syscalls',
    'listenerPath',
    'listenerMetadata',
  ]);
  const { architectures, archMap, flags, syscalls } = profile;
  const read: Profile = {
    defaultAction: action(path, profile, ['defaultAction', 'defaultErrnoRet', 'defaultErrno']),
    architectures: list(`${path}.architectures`, architectures, architecture),
    archMap: list(`${path}.archMap`, archMap, (at, one) => {
      const { architecture: own, subArchitectures } = fields(at, one, ['architecture', 'subArchitectures']);
      return {
        architecture: architecture(`${at}.architecture`, own),
        subArchitectures: list(`${at}.subArchitectures`, subArchitectures, architecture),
      };
    }),
    flags: list(`${path}.flags`, flags, flag).reduce((all, one) => all | one, 0),
    rules: list(`${path}.syscalls`, syscalls, rule),
  };
  if (read.architectures.length > 0 && read.archMap.length > 0)
    throw invalidValue(`${path}.archMap`, 'left out where architectures is given', archMap);
  return read;
}

function rule(path: string, given: unknown): Rule {
  const read = fields(path, given, [
    'names',
    'name',
    'action',
    'errnoRet',
    'errno',
    'args',
    'includes',
    'excludes',
    'comment',
  ]);
  const names = list(`${path}.names`, read.names, text);
  // Docker's older form.
  if (read.name !== undefined && read.name !== '') {
    if (names.length > 0) throw invalidValue(`${path}.name`, 'left out where names is given', read.name);
    names.push(text(`${path}.name`, read.name));
  }
  if (names.length === 0) throw invalidValue(`${path}.names`, 'the name of at least one call', read.names);
  const conditions = list(`${path}.args`, read.args, condition);
  const indexes = new Set(conditions.map(({ index }) => index));
  return {
    names,
    action: action(path, read, ['action', 'errnoRet', 'errno']),
    // As libseccomp's rules take an argument but once, engines make one of each.
    alternatives: indexes.size < conditions.length ? conditions.map((one) => [one]) : [conditions],
    includes: scope(`${path}.includes`, read.includes),
    excludes: scope(`${path}.excludes`, read.excludes),
  };
}

/** An action and its number, which Podman's profiles give by its name, too. */
function action(path: string, given: Fields, [key, number, name]: readonly [string, string, string]): number {
  const kind = given[key];
  checkString(`${path}.${key}`, kind);
  if (kind === 'SCMP_ACT_NOTIFY')
    throw unsupportedError(`${path}.${key}: SCMP_ACT_NOTIFY is not supported: nobody would be notified`);
  if (!Object.hasOwn(RETURN, kind))
    throw invalidValue(`${path}.${key}`, `one of ${Object.keys(RETURN).join(', ')}`, kind);
  const most = MAX_DATA[kind as SeccompAction];
  for (const one of [number, name]) {
    if (given[one] !== undefined && most === undefined)
      throw invalidValue(`${path}.${one}`, `left out where ${key} is ${kind}`, given[one]);
  }
  const returned = RETURN[kind as keyof typeof RETURN];
  if (most === undefined) return returned;
  const named = given[name] === undefined ? EPERM : errno(`${path}.${name}`, given[name]);
  const data = given[number] ?? named;
  checkInteger(`${path}.${number}`, data, 0, most);
  return returned + data;
}

function errno(path: string, given: unknown): number {
  const number = errnoOf(text(path, given));
  if (number === undefined) throw invalidValue(path, "the name of an error, as 'EPERM'", given);
  return number;
}

function condition(path: string, given: unknown): Condition {
  const { index, value, valueTwo, op } = fields(path, given, ['index', 'value', 'valueTwo', 'op']);
  checkInteger(`${path}.index`, index, 0, 5);
  checkString(`${path}.op`, op);
  if (!OPERATORS.has(op)) throw invalidValue(`${path}.op`, `one of ${[...OPERATORS].join(', ')}`, op);
  return {
    index,
    op: op as SeccompOperator,
    value: word(`${path}.value`, value),
    valueTwo: word(`${path}.valueTwo`, valueTwo ?? 0),
  };
}

/** 64 bits. A number that is not exact is not what was meant. */
function word(path: string, given: unknown): bigint {
  if (typeof given !== 'number' && typeof given !== 'bigint')
    throw invalidType(path, 'a number or bigint', given);
  if (typeof given === 'number' && !(Number.isSafeInteger(given) && given >= 0))
    throw outOfRange(path, 'an integer from 0 to 2^53 − 1, or a bigint up to 2^64 − 1', given);
  const exact = BigInt(given);
  if (exact < 0n || exact > MAX_UINT64) throw outOfRange(path, 'a bigint from 0 to 2^64 − 1', given);
  return exact;
}

function scope(path: string, given: unknown): Scope {
  if (given === undefined) return NOBODY;
  const { caps, arches, minKernel } = fields(path, given, ['caps', 'arches', 'minKernel']);
  if (minKernel !== undefined && !/^\d+\.\d+$/.test(text(`${path}.minKernel`, minKernel)))
    throw invalidValue(`${path}.minKernel`, "a version as '4.8'", minKernel);
  return {
    caps: list(`${path}.caps`, caps, text),
    arches: list(`${path}.arches`, arches, text),
    minKernel: minKernel as string | undefined,
  };
}

function architecture(path: string, given: unknown): string {
  const name = text(path, given);
  if (!ARCHITECTURES.has(name))
    throw invalidValue(path, "an architecture of the specification, as 'SCMP_ARCH_X86_64'", name);
  return name;
}

function flag(path: string, given: unknown): number {
  const name = text(path, given);
  if (name === NEEDS_LISTENER)
    throw unsupportedError(`${path}: ${name} is not supported: nobody would be notified`);
  const bit = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
  if (bit === undefined) throw invalidValue(path, `one of ${Object.keys(FLAGS).join(', ')}`, name);
  return bit;
}

function text(path: string, given: unknown): string {
  checkString(path, given);
  return given;
}

function list<T>(path: string, given: unknown, read: (path: string, one: unknown) => T): T[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) throw invalidType(path, 'an array', given);
  return given.map((one, i) => read(`${path}[${i}]`, one));
}

/** Those that are there, none of which is unknown. */
function fields(path: string, given: unknown, known: readonly string[]): Fields {
  checkObject(path, given);
  checkKeys(path, given, known);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}
