import { checkInteger, checkKeys, checkObject, checkString, invalidValue } from '../syscalls/validate.js';
import { checkName } from './refs.js';
import type { Requirement } from './requires.js';
import type { Expression, Verdict } from './types.js';

/** What a rule does. Each gives expressions. */

function verdict(data: Verdict): Expression[] {
  return [{ type: 'immediate', dreg: 0, data }];
}

function toChain(name: 'jump' | 'goto', chain: string): Expression[] {
  checkName('chain', chain);
  return verdict({ verdict: name, chain });
}

export const accept = (): Expression[] => verdict({ verdict: 'accept' });
export const drop = (): Expression[] => verdict({ verdict: 'drop' });
/** Back to the chain that jumped here. `return` is a word of the language. */
export const ret = (): Expression[] => verdict({ verdict: 'return' });
export const cont = (): Expression[] => verdict({ verdict: 'continue' });
export const jump = (chain: string): Expression[] => toChain('jump', chain);
export const goto = (chain: string): Expression[] => toChain('goto', chain);

/** Counts packets and bytes; by a name, in a counter of the table. */
export function counter(name?: string): Expression[] {
  if (name === undefined) return [{ type: 'counter', bytes: 0, packets: 0 }];
  checkName('counter', name);
  return [{ type: 'objref', objectType: 1, name }];
}

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86400, week: 604800 } as const;

export interface LimitOptions {
  rate: number;
  /** Default 'second'. */
  per?: keyof typeof SECONDS;
  /** Default 'packets'. */
  unit?: 'packets' | 'bytes';
  /** Default 5 packets, or none. */
  burst?: number;
  /** Holds for what is over the limit. */
  over?: boolean;
}

/** Holds for so many packets or bytes. */
export function limit(options: LimitOptions): Expression[] {
  checkObject('options', options);
  checkKeys('options', options, ['rate', 'per', 'unit', 'burst', 'over']);
  const { rate, per = 'second', unit = 'packets', burst = unit === 'packets' ? 5 : 0, over } = options;
  checkInteger('rate', rate, 1, Number.MAX_SAFE_INTEGER);
  checkInteger('burst', burst, 0, 0xffffffff);
  if (!Object.hasOwn(SECONDS, per))
    throw invalidValue('per', `one of ${Object.keys(SECONDS).join(', ')}`, per);
  if (unit !== 'packets' && unit !== 'bytes') throw invalidValue('unit', 'packets or bytes', unit);
  return [{ type: 'limit', rate, unit: SECONDS[per], burst, per: unit, flags: over ? ['invert'] : [] }];
}

/** Holds until so many bytes have passed; with `over`, from then on. */
export function quota(bytes: number, { over = false }: { over?: boolean } = {}): Expression[] {
  checkInteger('bytes', bytes, 0, Number.MAX_SAFE_INTEGER);
  return [{ type: 'quota', bytes, consumed: 0, flags: over ? ['invert'] : [] }];
}

const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit'] as const;

export interface LogOptions {
  /** At most 127 bytes. */
  prefix?: string;
  /** Of the kernel's log; default warn. Not with `group`. */
  level?: (typeof LEVELS)[number];
  /** To who listens there (ulogd) instead of the kernel's log. */
  group?: number;
  snaplen?: number;
}

export function log(options: LogOptions = {}): Expression[] {
  checkObject('options', options);
  checkKeys('options', options, ['prefix', 'level', 'group', 'snaplen']);
  const { prefix, level, group, snaplen } = options;
  if (prefix !== undefined) checkString('prefix', prefix);
  if (level !== undefined && !LEVELS.includes(level))
    throw invalidValue('level', `one of ${LEVELS.join(', ')}`, level);
  if (level !== undefined && group !== undefined) throw invalidValue('level', 'none beside a group', level);
  if (group !== undefined) checkInteger('group', group, 0, 0xffff);
  if (snaplen !== undefined) checkInteger('snaplen', snaplen, 0, 0xffffffff);
  return [
    {
      type: 'log',
      ...(prefix !== undefined && { prefix }),
      ...(level !== undefined && { level }),
      ...(group !== undefined && { group }),
      ...(snaplen !== undefined && { snaplen }),
    },
  ];
}

const TCP: Requirement = { type: 'requires', l4proto: 6 };
const ICMPX = { 'no-route': 0, 'port-unreachable': 1, 'host-unreachable': 2, 'admin-prohibited': 3 } as const;

/** Drops it, and says so: by a TCP reset, or the ICMP error of its family. */
export function reject(how: 'tcp reset' | keyof typeof ICMPX = 'port-unreachable'): Expression[] {
  if (how === 'tcp reset')
    return [TCP as unknown as Expression, { type: 'reject', kind: 'tcp reset', code: 0 }];
  if (!Object.hasOwn(ICMPX, how))
    throw invalidValue('how', `tcp reset, ${Object.keys(ICMPX).join(', ')}`, how);
  return [{ type: 'reject', kind: 'icmpx', code: ICMPX[how] }];
}

/** Conntrack does not follow it. */
export const notrack = (): Expression[] => [{ type: 'notrack' }];
