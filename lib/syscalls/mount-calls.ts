import { CLONE, type Inside } from './excursion.js';
import { Fd } from './fd.js';
import { type Descriptor, numberOf, type Options, within } from './inside.js';
import { type StepArgument, Steps } from './steps.js';
import { checkInteger, checkKeys, checkObject, checkString, invalidType, invalidValue } from './validate.js';

const INT32 = 0x7fffffff;
const UINT32 = 0xffffffff;

const CLOEXEC = 1; // FSOPEN_, FSMOUNT_ and FSPICK_CLOEXEC
const O_CLOEXEC = 0x80000; // OPEN_TREE_CLOEXEC, too
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const FSPICK_EMPTY_PATH = 0x8;
const F_EMPTY_PATH = 0x4;
const T_EMPTY_PATH = 0x40;
const MOUNT_ATTR_IDMAP = 0x100000;

/** The commands of fsconfig(2), linux/mount.h. */
export const FSCONFIG = {
  SET_FLAG: 0,
  SET_STRING: 1,
  SET_PATH: 3,
  SET_PATH_EMPTY: 4,
  SET_FD: 5,
  CMD_CREATE: 6,
  CMD_RECONFIGURE: 7,
  /** Linux 6.6. */
  CMD_CREATE_EXCL: 8,
} as const;

type Hold = (name: string, descriptor: Descriptor) => Fd;

interface Making {
  call: string;
  /** Its arguments; descriptors are held for as long as it takes. */
  given: (hold: Hold, inside: Inside) => StepArgument[];
  subject?: string;
  /** What it returns is a descriptor. */
  opens?: boolean;
  /** By a clone, since it would change the process itself. */
  move?: boolean;
  /** By the stub, as the descriptor is in memory that is given: the number that it has there. */
  numbered?: { fd: Descriptor; number: number };
}

/** Makes one call inside; the descriptor that it opened, or 0. */
async function make(
  { call, given, subject, opens = false, move = false, numbered }: Making,
  options: Options,
) {
  const held: Fd[] = [];
  const hold: Hold = (name, descriptor) => {
    held.push(Fd.duplicate(numberOf(name, descriptor)));
    return held.at(-1) as Fd;
  };
  try {
    return await within(options, async (inside) => {
      const steps = new Steps();
      const elsewhere = numbered !== undefined && inside.entries.length > 0;
      if (elsewhere) steps.add('dup3', [hold('userns', numbered.fd), numbered.number, 0]);
      const step = steps.add(call, given(hold, inside), { keep: opens });
      const outcome = await steps.run(elsewhere ? { ...inside, ownMemory: true } : inside, { move });
      const error = outcome.error({ subject });
      if (error) throw error;
      return opens ? outcome.fd(step).release() : 0;
    });
  } finally {
    await Promise.all(held.map((fd) => fd.close()));
  }
}

/** Which keys an object of arguments may have, beside `inside`; what is for within(). */
function taken<T extends Options>(given: T, keys: readonly string[]): Options {
  checkObject('options', given);
  checkKeys('options', given, [...keys, 'inside']);
  return given.inside === undefined ? {} : { inside: given.inside };
}

/** The descriptor that a path begins at; AT_FDCWD is the root or working directory inside. */
const begin = (hold: Hold, name: string, at: Descriptor | undefined) =>
  at === undefined ? AT_FDCWD : hold(name, at);

/** Options of calls that look up a path: an empty one is the descriptor `at` itself, AT_EMPTY_PATH being added. */
export interface AtOptions extends Options {
  /** The directory that a relative path begins at. Default: AT_FDCWD. */
  at?: Descriptor;
  flags?: number;
}

const emptyPath = (path: string, flag: number) => (path === '' ? flag : 0);

/**
 * fsopen(2) (Linux 5.2): a context in which a file system is configured, and which belongs to the user and network
 * namespaces it was made in. FSOPEN_CLOEXEC is added. What the kernel has to say of later failures is read from it.
 */
export async function fsopen(type: string, options: Options & { flags?: number } = {}): Promise<number> {
  checkString('type', type);
  const where = taken(options, ['flags']);
  const { flags = 0 } = options;
  checkInteger('flags', flags, 0, INT32);
  return make({ call: 'fsopen', given: () => [type, flags | CLOEXEC], subject: type, opens: true }, where);
}

/** fspick(2) (Linux 5.2): the context of a file system that is mounted, to configure it anew. FSPICK_CLOEXEC is added. */
export async function fspick(path: string, options: AtOptions = {}): Promise<number> {
  checkString('path', path);
  const where = taken(options, ['at', 'flags']);
  const { at, flags = 0 } = options;
  checkInteger('flags', flags, 0, INT32);
  const all = flags | CLOEXEC | emptyPath(path, FSPICK_EMPTY_PATH);
  const given = (hold: Hold) => [begin(hold, 'at', at), path, all];
  return make({ call: 'fspick', given, subject: path, opens: true }, where);
}

/** What fsconfig(2) is given beside its command; what a command does not take is refused. */
export interface FsconfigArguments extends Options {
  key?: string;
  /** Of SET_STRING, SET_PATH and SET_PATH_EMPTY; at most 255 bytes, 4,095 of a path. */
  value?: string;
  /** Of SET_FD; where the path of SET_PATH begins. */
  fd?: Descriptor;
}

const { SET_FLAG, SET_STRING, SET_PATH, SET_PATH_EMPTY, SET_FD } = FSCONFIG;
const TAKES: Record<number, readonly string[]> = {
  [SET_FLAG]: ['key'],
  [SET_STRING]: ['key', 'value'],
  [SET_PATH]: ['key', 'value', 'fd'],
  [SET_PATH_EMPTY]: ['key', 'value', 'fd'],
  [SET_FD]: ['key', 'fd'],
};

/**
 * fsconfig(2) (Linux 5.2): one setting of a context, or a command to it (FSCONFIG). FSCONFIG_SET_BINARY, which no
 * file system takes, is left out.
 */
export async function fsconfig(
  context: Descriptor,
  command: number,
  options: FsconfigArguments = {},
): Promise<void> {
  checkInteger('command', command, 0, INT32);
  if (!Object.values(FSCONFIG).includes(command as 0))
    throw invalidValue('command', 'a command of FSCONFIG', command);
  const takes = TAKES[command] ?? [];
  const where = taken(options, takes);
  const { key, value, fd } = options;
  if (takes.includes('key')) checkString('key', key);
  if (takes.includes('value')) checkString('value', value);
  if (command === SET_FD && fd === undefined) throw invalidType('fd', 'a descriptor', fd);
  const given = (hold: Hold): StepArgument[] => [
    hold('context', context),
    command,
    key ?? null,
    value ?? null,
    ...(takes.includes('fd') ? [begin(hold, 'fd', fd)] : [0]),
  ];
  const call = takes.includes('fd') ? 'fsconfig_fd' : 'fsconfig';
  await make({ call, given, subject: key }, where);
}

/** fsmount(2) (Linux 5.2): a detached mount of a context's file system. FSMOUNT_CLOEXEC is added. */
export async function fsmount(
  context: Descriptor,
  options: Options & { flags?: number /** MOUNT_ATTR_*. */; attributes?: number } = {},
): Promise<number> {
  const where = taken(options, ['flags', 'attributes']);
  const { flags = 0, attributes = 0 } = options;
  checkInteger('flags', flags, 0, INT32);
  checkInteger('attributes', attributes, 0, UINT32);
  const given = (hold: Hold) => [hold('context', context), flags | CLOEXEC, attributes];
  return make({ call: 'fsmount', given, opens: true }, where);
}

/**
 * open_tree(2) (Linux 5.2): what is mounted at a path, or with OPEN_TREE_CLONE (1) a detached copy of it, with
 * AT_RECURSIVE (0x8000) of what is mounted below, too. OPEN_TREE_CLOEXEC is added.
 */
export async function openTree(path: string, options: AtOptions = {}): Promise<number> {
  checkString('path', path);
  const where = taken(options, ['at', 'flags']);
  const { at, flags = 0 } = options;
  checkInteger('flags', flags, 0, INT32);
  const all = flags | O_CLOEXEC | emptyPath(path, AT_EMPTY_PATH);
  const given = (hold: Hold) => [begin(hold, 'at', at), path, all];
  return make({ call: 'open_tree', given, subject: path, opens: true }, where);
}

/** Arguments of move_mount(2): of an empty path, the default, it is the descriptor itself. */
export interface MoveMountArguments extends Options {
  from?: Descriptor;
  fromPath?: string;
  to?: Descriptor;
  toPath?: string;
  /** MOVE_MOUNT_*; those for empty paths are added. */
  flags?: number;
}

/** move_mount(2) (Linux 5.2): attaches a detached mount, or moves an attached one. */
export async function moveMount(options: MoveMountArguments): Promise<void> {
  const where = taken(options, ['from', 'fromPath', 'to', 'toPath', 'flags']);
  const { from, fromPath = '', to, toPath = '', flags = 0 } = options;
  checkString('fromPath', fromPath);
  checkString('toPath', toPath);
  checkInteger('flags', flags, 0, INT32);
  if (from === undefined && fromPath === '') throw invalidType('from', 'a descriptor', from);
  if (to === undefined && toPath === '') throw invalidType('to', 'a descriptor', to);
  const all = flags | emptyPath(fromPath, F_EMPTY_PATH) | emptyPath(toPath, T_EMPTY_PATH);
  const given = (hold: Hold) => [begin(hold, 'from', from), fromPath, begin(hold, 'to', to), toPath, all];
  await make({ call: 'move_mount', given, subject: toPath || undefined }, where);
}

/** What mount_setattr(2) changes: struct mount_attr. */
export interface MountAttributes {
  /** MOUNT_ATTR_*; MOUNT_ATTR_IDMAP is added for a `userns`. */
  set?: number;
  clear?: number;
  /** MS_PRIVATE, MS_SHARED, MS_SLAVE or MS_UNBINDABLE. */
  propagation?: number;
  /** The user namespace by whose map the owners of files are shown. */
  userns?: Descriptor;
}

/** Above all that the stub has by itself. */
const USERNS_NUMBER = 600;

function mountAttr({ set = 0, clear = 0, propagation = 0 }: MountAttributes, userns: number | undefined) {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(BigInt(set) | BigInt(userns === undefined ? 0 : MOUNT_ATTR_IDMAP), 0);
  bytes.writeBigUInt64LE(BigInt(clear), 8);
  bytes.writeBigUInt64LE(BigInt(propagation), 16);
  bytes.writeBigUInt64LE(BigInt(userns ?? 0), 24);
  return bytes;
}

/** mount_setattr(2) (Linux 5.12): changes a mount; with AT_RECURSIVE (0x8000) those below it, too. */
export async function mountSetattr(
  path: string,
  attributes: MountAttributes,
  options: AtOptions = {},
): Promise<void> {
  checkString('path', path);
  checkObject('attributes', attributes);
  checkKeys('attributes', attributes, ['set', 'clear', 'propagation', 'userns']);
  for (const key of ['set', 'clear', 'propagation'] as const)
    checkInteger(key, attributes[key] ?? 0, 0, Number.MAX_SAFE_INTEGER);
  const where = taken(options, ['at', 'flags']);
  const { at, flags = 0 } = options;
  checkInteger('flags', flags, 0, INT32);
  const { userns } = attributes;
  const all = flags | emptyPath(path, AT_EMPTY_PATH);
  const given = (hold: Hold, { entries }: Inside): StepArgument[] => {
    const held = userns === undefined ? undefined : hold('userns', userns).number;
    const number = held !== undefined && entries.length > 0 ? USERNS_NUMBER : held;
    return [begin(hold, 'at', at), path, all, mountAttr(attributes, number)];
  };
  const numbered = userns === undefined ? undefined : { fd: userns, number: USERNS_NUMBER };
  await make({ call: 'mount_setattr', given, subject: path || undefined, numbered }, where);
}

/** Options of openat2(2): struct open_how. */
export interface Openat2Options extends AtOptions {
  mode?: number;
  /** RESOLVE_*. */
  resolve?: number;
}

/** openat2(2) (Linux 5.6): open(2) with rules for how the path is looked up. O_CLOEXEC is added. */
export async function openat2(path: string, options: Openat2Options = {}): Promise<number> {
  checkString('path', path);
  const where = taken(options, ['at', 'flags', 'mode', 'resolve']);
  const { at, flags = 0, mode = 0, resolve = 0 } = options;
  checkInteger('flags', flags, 0, INT32);
  checkInteger('mode', mode, 0, 0o7777);
  checkInteger('resolve', resolve, 0, UINT32);
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  const given = (hold: Hold) => [begin(hold, 'at', at), path, how];
  return make({ call: 'openat2', given, subject: path, opens: true }, where);
}

/**
 * pivot_root(2): exchanges the root of the mount namespace `inside.mnt`, which must be another than this process's
 * own: there it would move Node, too.
 */
export async function pivotRoot(newRoot: string, putOld: string, options: Options): Promise<void> {
  checkString('newRoot', newRoot);
  checkString('putOld', putOld);
  const where = taken(options, []);
  const given = (_: Hold, { entries }: Inside) => {
    if (!entries.includes(CLONE.mnt))
      throw invalidValue('inside.mnt', "a mount namespace that is not this process's own", where.inside?.mnt);
    return [newRoot, putOld];
  };
  await make({ call: 'pivot_root', given, subject: newRoot, move: true }, where);
}
