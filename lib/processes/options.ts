import { constants } from 'node:os';
import { Mount } from '../mounts/mount.js';
import { RootTree } from '../mounts/root-tree.js';
import { bytesOf } from '../mounts/size.js';
import { checkSource } from '../mounts/source.js';
import { Namespace } from '../namespaces/namespace.js';
import { closedError } from '../syscalls/errors.js';
import { CLONE, type NamespaceType } from '../syscalls/excursion.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
  needs,
} from '../syscalls/validate.js';
import { isCapability } from './capabilities.js';
import { isCgroup } from './cgroups/placement.js';
import { RLIMIT } from './constants.js';
import { ELSEWHERE } from './elsewhere.js';
import { isProcess } from './namespaces.js';
import { Process } from './process.js';
import { checkSeccomp } from './seccomp/option.js';
import { checkSize } from './terminal.js';
import type { ContainerRoot, RootMount, SpawnOptions } from './types.js';

export const SPAWN_KEYS = [
  'namespaces',
  'root',
  'cwd',
  'env',
  'hostname',
  'domainname',
  'timeOffsets',
  'uidMap',
  'gidMap',
  'newuidmap',
  'uid',
  'gid',
  'groups',
  'capabilities',
  'noNewPrivileges',
  'cgroup',
  'seccomp',
  'rlimits',
  'umask',
  'nice',
  'stdio',
  'terminal',
  'init',
  'killSignal',
  'detached',
  'signal',
] as const;

const MAX_ID = 0xfffffffe;
const MAX_PID = 0x3fffffff;
const MAX_FD = 0x7fffffff;
/** __NEW_UTS_LEN, sethostname(2). */
const MAX_HOSTNAME = 64;
/** A user namespace takes so many lines, Linux 4.15. */
const MAX_RANGES = 340;

/** Throws unless all is well-formed; nothing was done then. */
export function checkSpawn(file: unknown, args: unknown, options: SpawnOptions): void {
  checkText('file', file);
  checkList('args', args, checkText);
  checkObject('options', options);
  const { cwd, env, umask, nice, stdio, killSignal } = options;
  checkNamespaces(options);
  if (options.root !== undefined) checkRoot(options.root);
  if (options.root !== undefined && joinsMounts(options))
    throw needs('root', 'a mount namespace of its own: join none by namespaces, or have no root');
  if (cwd !== undefined) checkText('cwd', cwd);
  if (env !== undefined) checkEnv(env);
  checkNames(options);
  checkOffsets(options);
  checkIds(options);
  checkCapabilities(options.capabilities);
  if (options.seccomp !== undefined) checkSeccomp('seccomp', options.seccomp);
  checkRlimits(options.rlimits);
  checkCgroup(options.cgroup);
  if (umask !== undefined) checkInteger('umask', umask, 0, 0o777);
  if (nice !== undefined) checkInteger('nice', nice, -20, 19);
  if (stdio !== undefined) checkStdio(stdio);
  checkTerminal(options);
  for (const name of ['noNewPrivileges', 'init', 'detached'] as const)
    if (options[name] !== undefined) checkBoolean(name, options[name]);
  if (killSignal !== undefined && !Object.hasOwn(constants.signals, killSignal))
    throw invalidValue('killSignal', 'the name of a signal', killSignal);
  checkSignal(options.signal);
}

function checkText(name: string, value: unknown): asserts value is string {
  checkString(name, value);
  if (name !== 'args' && value === '') throw invalidValue(name, 'a string that is not empty', value);
  if (value.includes('\0')) throw invalidValue(name, 'a string without NUL', value);
}

function checkList(name: string, list: unknown, check: (name: string, one: unknown) => void): void {
  if (!Array.isArray(list)) throw invalidType(name, 'an array', list);
  for (const one of list) check(name, one);
}

/** Neither a path nor a mount. */
export function isContainerRoot(root: SpawnOptions['root']): root is ContainerRoot {
  return typeof root === 'object' && root !== null && !(root instanceof Mount);
}

function checkRoot(root: SpawnOptions['root']): void {
  if (!isContainerRoot(root)) {
    checkSource(root, 'root');
    return;
  }
  if ((root as unknown) instanceof RootTree)
    throw invalidValue(
      'root',
      'a directory, a mount or { base }; a RootTree is joined by namespaces.mnt',
      root,
    );
  checkKeys('root', root, ['base', 'readonly', 'mounts']);
  checkSource(root.base, 'root.base');
  if (root.readonly !== undefined) checkBoolean('root.readonly', root.readonly);
  if (root.mounts !== undefined) checkList('root.mounts', root.mounts, checkRootMount);
}

function checkRootMount(name: string, given: unknown): void {
  checkObject(name, given);
  const mount = given as RootMount;
  checkText(`${name}.target`, mount.target);
  if (!mount.target.startsWith('/') || mount.target.split('/').includes('..'))
    throw invalidValue(`${name}.target`, 'an absolute path without ..', mount.target);
  if ('source' in mount) {
    checkKeys(name, mount, ['source', 'target', 'readonly']);
    checkSource(mount.source, `${name}.source`);
    if (mount.readonly !== undefined) checkBoolean(`${name}.readonly`, mount.readonly);
    return;
  }
  if (!('type' in mount)) checkKeys(name, mount, ['source', 'target', 'readonly']);
  checkKeys(name, mount, ['type', 'target', 'size', 'mode']);
  if (mount.type !== 'tmpfs') throw invalidValue(`${name}.type`, "'tmpfs', or a source", mount.type);
  if (mount.size !== undefined) bytesOf(`${name}.size`, mount.size);
  if (mount.mode !== undefined) checkInteger(`${name}.mode`, mount.mode, 0, 0o7777);
}

function checkNamespaces({ namespaces, init }: SpawnOptions): void {
  if (typeof namespaces === 'number') checkInteger('namespaces', namespaces, 1, MAX_PID);
  else if (namespaces !== undefined && !isProcess(namespaces)) {
    checkObject('namespaces', namespaces);
    checkKeys('namespaces', namespaces, Object.keys(CLONE), ELSEWHERE);
    for (const [type, one] of Object.entries(namespaces)) checkNamespace(type as NamespaceType, one);
  }
  if (init && (isProcess(namespaces) || namespaces?.pid !== 'new'))
    throw needs('init', "namespaces: { pid: 'new' }");
}

function checkNamespace(type: NamespaceType, one: unknown): void {
  const name = `namespaces.${type}`;
  if (one === undefined || one === 'new' || one instanceof Process) return;
  if (typeof one === 'number') {
    checkInteger(name, one, 1, MAX_PID);
    return;
  }
  if (!(one instanceof Namespace) || one.type !== type)
    throw invalidType(name, `'new', a Namespace of type ${type}, a Process or a pid`, one);
  if (one.closed) throw closedError(one.toString());
}

function joinsMounts({ namespaces }: SpawnOptions): boolean {
  return isProcess(namespaces) || (namespaces?.mnt !== undefined && namespaces.mnt !== 'new');
}

function isOwn({ namespaces }: SpawnOptions, type: NamespaceType): boolean {
  return !isProcess(namespaces) && namespaces?.[type] === undefined;
}

function checkEnv(env: object): void {
  checkObject('env', env);
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined) continue;
    checkText('env', key);
    if (key.includes('=')) throw invalidValue('env', 'names without =', key);
    checkString(`env.${key}`, value);
    if (value.includes('\0')) throw invalidValue(`env.${key}`, 'a string without NUL', value);
  }
}

function checkNames(options: SpawnOptions): void {
  for (const name of ['hostname', 'domainname'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    checkText(name, value);
    if (Buffer.byteLength(value) > MAX_HOSTNAME)
      throw invalidValue(name, `at most ${MAX_HOSTNAME} bytes`, value);
    if (isOwn(options, 'uts')) throw needs(name, "namespaces: { uts: 'new' }, or one that is joined");
  }
}

function checkOffsets({ timeOffsets, namespaces }: SpawnOptions): void {
  if (timeOffsets === undefined) return;
  checkObject('timeOffsets', timeOffsets);
  checkKeys('timeOffsets', timeOffsets, ['monotonic', 'boottime']);
  for (const [name, value] of Object.entries(timeOffsets))
    if (!Number.isFinite(value)) throw invalidType(`timeOffsets.${name}`, 'a number of ms', value);
  if (isProcess(namespaces) || namespaces?.time !== 'new')
    throw needs('timeOffsets', "namespaces: { time: 'new' }");
}

function checkIds(options: SpawnOptions): void {
  for (const name of ['uid', 'gid'] as const)
    if (options[name] !== undefined) checkInteger(name, options[name], 0, MAX_ID);
  if (options.groups !== undefined)
    checkList('groups', options.groups, (name, one) => checkInteger(name, one as number, 0, MAX_ID));
  for (const name of ['uidMap', 'gidMap'] as const) {
    const map = options[name];
    if (map === undefined) continue;
    if (isProcess(options.namespaces) || options.namespaces?.user !== 'new')
      throw needs(name, "namespaces: { user: 'new' }");
    checkList(name, map, checkRange);
    if (map.length === 0 || map.length > MAX_RANGES)
      throw invalidValue(name, `1 to ${MAX_RANGES} ranges`, map);
  }
  if (options.newuidmap !== undefined) checkBoolean('newuidmap', options.newuidmap);
  if (options.newuidmap && options.uidMap === undefined)
    throw needs('newuidmap', 'uidMap and gidMap: the ranges that it maps');
  if ((options.uidMap === undefined) !== (options.gidMap === undefined))
    throw options.uidMap === undefined
      ? needs('gidMap', 'uidMap beside it')
      : needs('uidMap', 'gidMap beside it');
}

function checkRange(name: string, range: unknown): void {
  checkObject(name, range);
  checkKeys(name, range, ['inside', 'outside', 'count']);
  const { inside, outside, count } = range as Record<string, number>;
  checkInteger(`${name}.inside`, inside, 0, MAX_ID);
  checkInteger(`${name}.outside`, outside, 0, MAX_ID);
  checkInteger(`${name}.count`, count, 1, MAX_ID);
}

function checkCapabilities(given: SpawnOptions['capabilities']): void {
  if (given === undefined) return;
  const check = (name: string, one: unknown) => {
    if (!isCapability(one)) throw invalidValue(name, "the name of a capability, as 'NET_ADMIN'", one);
  };
  if (Array.isArray(given)) {
    checkList('capabilities', given, check);
    return;
  }
  checkObject('capabilities', given);
  const sets = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'];
  checkKeys('capabilities', given, sets);
  for (const [name, set] of Object.entries(given))
    if (set !== undefined) checkList(`capabilities.${name}`, set, check);
}

function checkCgroup(cgroup: SpawnOptions['cgroup']): void {
  if (cgroup === undefined) return;
  if (!isCgroup(cgroup)) throw invalidType('cgroup', 'a Cgroup', cgroup);
  if (cgroup.closed) throw closedError(cgroup.toString());
}

function checkRlimits(given: SpawnOptions['rlimits']): void {
  if (given === undefined) return;
  checkObject('rlimits', given);
  checkKeys('rlimits', given, Object.keys(RLIMIT));
  for (const [name, limit] of Object.entries(given)) {
    const pair: readonly unknown[] = Array.isArray(limit) ? limit : [limit, limit];
    if (pair.length !== 2) throw invalidValue(`rlimits.${name}`, '[soft, hard]', limit);
    for (const one of pair)
      if (one !== Infinity) checkInteger(`rlimits.${name}`, one as number, 0, Number.MAX_SAFE_INTEGER);
  }
}

/** What was asked for, with what is usual. */
export function terminalOf({ terminal }: SpawnOptions): { columns: number; rows: number } | undefined {
  if (terminal === undefined || terminal === false) return undefined;
  const { columns, rows } = terminal === true ? {} : terminal;
  // 0 is what a terminal says that does not know its size.
  return { columns: columns || 80, rows: rows || 24 };
}

function checkTerminal(options: SpawnOptions): void {
  const { terminal, stdio } = options;
  if (terminal === undefined) return;
  if (typeof terminal !== 'boolean') {
    checkObject('terminal', terminal);
    checkKeys('terminal', terminal, ['columns', 'rows']);
  }
  const size = terminalOf(options);
  if (size) checkSize(size.columns, size.rows);
  if (size && stdio !== undefined)
    throw needs('stdio', 'terminal left out: a terminal is its stdin, stdout and stderr');
}

function checkStdio(stdio: SpawnOptions['stdio']): void {
  const items: readonly unknown[] = Array.isArray(stdio) ? stdio : [stdio];
  for (const item of items) {
    if (typeof item === 'number') checkInteger('stdio', item, 0, MAX_FD);
    else if (!['pipe', 'ignore', 'inherit'].includes(item as string))
      throw invalidValue('stdio', "'pipe', 'ignore', 'inherit' or a descriptor", item);
  }
  if (items.length > 64) throw invalidValue('stdio', 'at most 64 descriptors', stdio);
}
