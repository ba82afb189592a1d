import { load } from './load.js';

/** A descriptor owned by the add-on: closed when collected, or when its environment ends. */
export interface NativeFd {
  readonly __fd: unique symbol;
}
export interface NativeWatch {
  readonly __watch: unique symbol;
}
export interface NativeRing {
  readonly __ring: unique symbol;
}
/** What an excursion that failed gives: `errno` negative, and the call that failed. */
export interface Failure {
  errno: number;
  syscall: string;
}
/** Where work on a tree failed; ECANCELED, of no call, where it was stopped. */
export interface TreeFailure extends Failure {
  /** Below the tree's directory. */
  path: string;
}
/** Namespaces to enter, in order: [descriptor, CLONE_NEW…, descriptor, …]. */
export type Entries = readonly (NativeFd | number)[];

/** Whole messages of a dump, as they come; at last how it ended. A promise where it must be waited for. */
export type NextChunk = () => Chunk | Promise<Chunk>;
type Chunk = Uint8Array | [errno: number, interrupted: boolean];

/**
 * The add-on as it is: values or -errno, no policy, no checks beyond those that keep the process alive. What returns
 * a promise works on a thread of the add-on's own; the rest never waits.
 */
export interface Native {
  fdNumber(fd: NativeFd): number;
  fdDup(number: number): NativeFd | number;
  fdOwn(number: number): NativeFd | number;
  fdRelease(fd: NativeFd): number;
  fdClose(fd: NativeFd): Promise<number>;
  fdCloseNow(fd: NativeFd): undefined;
  /** Until clones have no copies any more of what was closed before; undefined if there are none. */
  fdCopies(): Promise<undefined> | undefined;
  label(name: string, fd: NativeFd): number;
  labelled(name: string): NativeFd | number;
  unlabel(name: string, inode: number): number;
  labelNames(): string[];

  forceOwnMemory(force: boolean): void;
  forceTemporaryFile(force: boolean): void;
  memoryIsShared(): Promise<boolean>;
  probeCalls(ownMemory: boolean, names: readonly string[]): Promise<number[] | Failure>;

  unshare(
    where: Entries,
    ownMemory: boolean,
    flags: number,
    names: readonly string[],
    sockets: readonly number[],
    loopback: boolean,
  ): Promise<NativeFd[] | Failure>;
  sharedUser(): Promise<NativeFd | Failure>;
  isSharedUser(fd: NativeFd): boolean;
  nsInfo(fd: NativeFd): [type: number, inode: number, device: number, uid: number, unique: number] | number;
  nsUser(fd: NativeFd): NativeFd | number;
  nsParent(fd: NativeFd): NativeFd | number;
  scanNamespaces(
    types: number,
    holders: boolean,
  ): [
    scanned: Promise<[numbers: Uint8Array, pids: Uint8Array, paths: Uint8Array, names: Uint8Array] | number>,
    stop: () => void,
  ];
  findNamespace(
    type: number,
    inode: number,
    unique: number,
    first: number,
  ): [found: Promise<NativeFd | number>, stop: () => void];
  pidfdOpen(pid: number): NativeFd | number;
  pidfdExited(fd: NativeFd): boolean;

  open(
    where: Entries,
    ownMemory: boolean,
    path: string,
    flags: number,
    mode: number,
  ): Promise<NativeFd | Failure>;
  readFile(where: Entries, ownMemory: boolean, path: string): Promise<Uint8Array | Failure>;
  writeFile(where: Entries, ownMemory: boolean, path: string, bytes: Uint8Array): Promise<number | Failure>;
  mount(
    where: Entries,
    ownMemory: boolean,
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
  ): Promise<number | Failure>;
  steps(
    where: Entries,
    ownMemory: boolean,
    move: boolean,
    words: Float64Array,
    texts: string,
    bytes: Uint8Array,
    descriptors: readonly NativeFd[],
    closing: NativeFd | undefined,
    before: boolean,
  ): Promise<
    [failed: number, results: Int32Array, kept: (NativeFd | null)[], rooms: (Uint8Array | null)[]] | Failure
  >;
  stepCalls(): string[];
  spawn(
    flags: number,
    detached: boolean,
    writes: readonly string[] | ((pid: number, answer: (errno: number) => void) => void),
    ended: (code: number, status: number) => void,
    words: Float64Array,
    texts: string,
    bytes: Uint8Array,
    descriptors: readonly NativeFd[],
  ): [
    Promise<[pid: number, pidfd: NativeFd, hold: (held: boolean) => void] | [failed: number, errno: number]>,
    cancel: () => void,
  ];
  signalProcess(pidfd: NativeFd, signal: number): number;
  openTerminal(columns: number, rows: number): [own: NativeFd, peer: NativeFd] | number;
  resizeTerminal(fd: NativeFd, columns: number, rows: number): number;
  pipe(): [read: NativeFd, write: NativeFd] | number;
  readTable(fd: NativeFd): Promise<[bytes: Uint8Array, changed: boolean] | number>;
  tableChanged(fd: NativeFd): boolean;
  statMounts(where: Entries, ownMemory: boolean, ids: Uint8Array): Promise<Uint8Array | Failure>;
  copyTree(
    source: NativeFd,
    target: NativeFd,
    aside: NativeFd,
    held: NativeFd,
    options: number,
  ): [copied: Promise<number | TreeFailure>, stop: () => void];
  removeTree(
    directory: NativeFd,
    name: string,
    held: NativeFd,
  ): [removed: Promise<number | TreeFailure>, stop: () => void];
  umount(where: Entries, ownMemory: boolean, target: string, flags: number): Promise<number | Failure>;

  sockets(
    where: Entries,
    ownMemory: boolean,
    domain: number,
    type: number,
    protocol: number,
    count: number,
  ): Promise<NativeFd[] | Failure>;
  setsockopt(fd: NativeFd, level: number, name: number, value: Uint8Array): number;
  getsockopt(fd: NativeFd, level: number, name: number, size: number): Uint8Array | number;
  attachFilter(fd: NativeFd, instructions: Uint8Array): number;
  bind(fd: NativeFd, address: Uint8Array): number;
  connect(fd: NativeFd, address: Uint8Array): number;
  listen(fd: NativeFd, backlog: number): number;
  getsockname(fd: NativeFd): Uint8Array | number;
  getpeername(fd: NativeFd): Uint8Array | number;
  linkName(fd: NativeFd, index: number): string | number;
  linkIndex(fd: NativeFd, name: string): number;
  send(fd: NativeFd, bytes: Uint8Array, address?: Uint8Array, control?: Uint8Array): number;
  receive(
    fd: NativeFd,
    count: number,
  ): [bytes: Uint8Array, address: Uint8Array, control: Uint8Array, flags: number][] | number;
  receiveDatagrams(fd: NativeFd, room: Uint8Array, told: Uint8Array): number;

  captureOpen(
    fd: NativeFd,
    filter: Uint8Array,
    block: number,
    count: number,
    wait: number,
    most: number,
    promiscuous: Uint8Array,
  ): Promise<NativeRing | Failure>;
  captureRead(ring: NativeRing, room: number): [records: Uint8Array, more: boolean] | number;
  captureFilling(ring: NativeRing): boolean;
  captureStop(fd: NativeFd): number;
  captureClose(ring: NativeRing): void;

  transact(
    fd: NativeFd,
    requests: Uint8Array,
    resume: boolean,
  ): Promise<[errno: number, carried: number, answers: Uint8Array]>;
  transactWhole(
    fd: NativeFd,
    batch: Uint8Array,
    resume: boolean,
  ): Promise<[errno: number, carried: number, answers: Uint8Array]>;
  dump(fd: NativeFd, request: Uint8Array, resume: boolean): NextChunk;

  transactions(fd: NativeFd): number;

  watch(fd: NativeFd, callback: () => void, what?: 'read' | 'write' | 'urgent'): NativeWatch | number;
  watchArm(watch: NativeWatch): number;
  watchHold(watch: NativeWatch, held: boolean): void;
  watchClose(watch: NativeWatch): void;

  capabilities(): [low: number, high: number] | number;
  dumpable(): number;
  flock(fd: NativeFd, operation: number): number;
  kernelRelease(): string | number;
  now(): bigint;
}

let loaded: Native | undefined;

/** The add-on, loaded on first use so that importing nsnet never throws, on any platform. */
export function native(): Native {
  if (loaded === undefined) {
    loaded = load() as Native;
    const { NSNET_EXCURSION, NSNET_STUB } = process.env;
    if (NSNET_EXCURSION === 'stub') loaded.forceOwnMemory(true);
    if (NSNET_STUB === 'tmpfile') loaded.forceTemporaryFile(true);
  }
  return loaded;
}
