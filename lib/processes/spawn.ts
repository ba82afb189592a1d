import { constants } from 'node:os';
import { Source } from '../mounts/source.js';
import { abortError, type NsnetError, systemError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkKeys, checkObject, needs } from '../syscalls/validate.js';
import type { Cgroup } from './cgroups/cgroup.js';
import { type Placement as GroupPlacement, placementOf } from './cgroups/placement.js';
import { CLD_EXITED } from './constants.js';
import { ContainerTree } from './container-root.js';
import { ELSEWHERE } from './elsewhere.js';
import { type Furnishing, findFlags, ONLY_SYS } from './furnishing.js';
import { hintFor } from './hints.js';
import { isProcess, Placement } from './namespaces.js';
import { mapByHelpers } from './newuidmap.js';
import { checkSpawn, isContainerRoot, SPAWN_KEYS, terminalOf } from './options.js';
import { type PipedProcess, Process } from './process.js';
import { type Plan, plan } from './program.js';
import { StdioEnds } from './stdio.js';
import { Terminal } from './terminal.js';
import type { CapabilitySets, Exit, SpawnOptions } from './types.js';

const EPERM = 1;

// Of several names of a number the first is the usual one.
const SIGNALS = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/**
 * Starts a program in exactly the namespaces, root, identity and limits asked for: execve(2), set up by a stub in memory
 * of its own. The file is looked up in PATH of `env`, as seen in its root. Rejects with the step that failed.
 */
export function spawn(
  file: string,
  args?: readonly string[],
  options?: SpawnOptions & { stdio?: 'pipe'; terminal?: false },
): Promise<PipedProcess>;
export function spawn(file: string, args?: readonly string[], options?: SpawnOptions): Promise<Process>;
export async function spawn(
  file: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Process> {
  return spawnFurnished(file, args, options);
}

/** The same, with what is mounted in its mount namespace, which must be new then. */
export async function spawnFurnished(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
  furnish?: () => Promise<Furnishing | undefined>,
): Promise<Process> {
  checkObject('options', options);
  checkKeys('options', options, SPAWN_KEYS, ELSEWHERE);
  checkSpawn(file, args, options);
  return startAs(file, [...args], asItIsNow(options), furnish);
}

/** What the caller changes from now on is of no account. */
function asItIsNow(options: SpawnOptions): SpawnOptions {
  const { env, stdio, groups, uidMap, gidMap, namespaces, rlimits, timeOffsets, capabilities, root } =
    options;
  return {
    ...options,
    namespaces: isProcess(namespaces) ? namespaces : namespaces && { ...namespaces },
    root:
      root && isContainerRoot(root) ? { ...root, mounts: root.mounts?.map((mount) => ({ ...mount })) } : root,
    rlimits: rlimits && { ...rlimits },
    timeOffsets: timeOffsets && { ...timeOffsets },
    capabilities: Array.isArray(capabilities)
      ? [...capabilities]
      : capabilities && { ...(capabilities as CapabilitySets) },
    env: { ...(env ?? process.env) },
    stdio: Array.isArray(stdio) ? [...stdio] : stdio,
    groups: groups && [...groups],
    uidMap: uidMap?.map((range) => ({ ...range })),
    gidMap: gidMap?.map((range) => ({ ...range })),
  };
}

async function startAs(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
  furnish: (() => Promise<Furnishing | undefined>) | undefined,
): Promise<Process> {
  const { signal } = options;
  if (signal?.aborted) throw abortError(signal);
  const placement = await Placement.of(options);
  let root: Source | ContainerTree | undefined;
  let stdio: StdioEnds | undefined;
  let group: GroupPlacement | undefined;
  try {
    checkShared(options, placement);
    const furnishing = (await furnish?.()) ?? (needsSys(options, placement) ? ONLY_SYS : undefined);
    const furnished = furnishing && (await findFlags(furnishing));
    root = await rootOf(options);
    if (options.cgroup) group = await placementOf(options.cgroup);
    stdio = new StdioEnds(options.stdio ?? 'pipe', terminalOf(options));
    const planned = plan({ file, args, options, placement, root, furnished, stdio: stdio.theirs, group });
    return await start(planned, file, options, stdio);
  } catch (error) {
    stdio?.close();
    throw error;
  } finally {
    root?.[Symbol.dispose]();
    await group?.close();
    await placement.close();
  }
}

/** What belongs to a namespace is not set in this process's own, whose pid it may have been given. */
function checkShared({ hostname, domainname }: SpawnOptions, { made, joined }: Placement): void {
  if (made.has('uts') || joined.has('uts')) return;
  for (const [name, value] of Object.entries({ hostname, domainname }))
    if (value !== undefined) throw needs(name, "namespaces: { uts: 'new' }, or one that is joined");
}

/** A container's root has a /sys, which only the owner of a network namespace may mount. */
function needsSys({ root }: SpawnOptions, { joined, made }: Placement): boolean {
  const other = joined.has('user') || made.has('user');
  return isContainerRoot(root) && other && joined.has('net') && !joined.has('mnt');
}

/** Opens what it is made of. */
async function rootOf({ root }: SpawnOptions): Promise<Source | ContainerTree | undefined> {
  if (root === undefined) return undefined;
  return isContainerRoot(root) ? ContainerTree.of(root) : new Source(root);
}

async function start(planned: Plan, file: string, options: SpawnOptions, stdio: StdioEnds): Promise<Process> {
  const { signal, detached = false, killSignal = 'SIGKILL' } = options;
  const state: { aborted: boolean } = { aborted: false };
  let settle: (exit: Exit) => void = () => {};
  const exited = new Promise<Exit>((resolve) => {
    settle = resolve;
  });
  const { cgroup } = options;
  const before = cgroup && (await oomKills(cgroup));
  const ended = (code: number, status: number) => {
    const exit = exitOf(code, status, state.aborted);
    if (before === undefined || exit.signal !== 'SIGKILL' || state.aborted) settle(exit);
    else
      void oomKills(cgroup as Cgroup).then((now = before) =>
        settle(now > before ? { ...exit, reason: 'oom' } : exit),
      );
  };
  if (signal?.aborted) throw abortError(signal);
  let unmapped: unknown;
  const map = (pid: number, answer: (errno: number) => void) => {
    mapByHelpers(pid, options, spawn).then(
      () => answer(0),
      (error) => {
        unmapped = error;
        answer(EPERM);
      },
    );
  };
  const writes = options.newuidmap ? map : planned.writes;
  const [starting, cancel] = native().spawn(0, detached, writes, ended, ...planned.steps.packed);
  signal?.addEventListener('abort', cancel, { once: true });
  const told = await starting;
  signal?.removeEventListener('abort', cancel);
  stdio.handOver();
  if (told.length === 2 && signal?.aborted) throw abortError(signal);
  if (told.length === 2 && unmapped !== undefined) throw unmapped;
  if (told.length === 2) throw explain(told[0], told[1], planned, options);
  const [pid, number, hold] = told;
  const pidfd = new Fd(number);
  let started: Process;
  try {
    const terminal = stdio.terminal ? new Terminal(stdio.terminal, exited) : null;
    started = new Process({ pid, pidfd, file, stdio: stdio.streams(), terminal, exited, hold });
  } catch (error) {
    // It runs, but nobody would have it.
    native().signalProcess(pidfd.native, constants.signals.SIGKILL);
    await exited;
    await pidfd.close();
    throw error;
  }
  if (signal?.aborted) {
    await started.close();
    throw abortError(signal);
  }
  if (signal) killOnAbort(started, signal, killSignal, state);
  return started;
}

/** How many of a group were killed for want of memory; undefined where that is not told. */
async function oomKills(cgroup: Cgroup): Promise<number | undefined> {
  return cgroup.stats().then(
    ({ memory }) => memory?.oomKill,
    () => undefined,
  );
}

function killOnAbort(
  started: Process,
  signal: AbortSignal,
  killSignal: NodeJS.Signals,
  state: { aborted: boolean },
): void {
  const kill = () => {
    try {
      if (!started.closed) state.aborted = started.kill(killSignal);
    } catch (error) {
      // Of another user by now: it cannot be killed, and nobody is there to be told.
      process.emitWarning(error as Error);
    }
  };
  signal.addEventListener('abort', kill, { once: true });
  void started.exited.then(() => signal.removeEventListener('abort', kill));
}

function exitOf(code: number, status: number, aborted: boolean): Exit {
  const exit =
    code === CLD_EXITED
      ? { code: status, signal: null }
      : { code: null, signal: (SIGNALS.get(status) ?? null) as NodeJS.Signals | null };
  return aborted ? { ...exit, reason: 'aborted' } : exit;
}

function explain(step: number, errno: number, { steps, subjects }: Plan, options: SpawnOptions): NsnetError {
  const call = step < 0 ? 'clone' : (steps.nameOf(step) as string);
  const error = systemError(errno, call, { subject: subjects.get(step) ?? 'a new process' });
  const hint = hintFor(error, options);
  return hint === undefined ? error : error.with({ hint });
}
