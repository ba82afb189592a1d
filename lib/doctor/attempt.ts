import { errnoName } from '../syscalls/errno.js';
import { NsnetError } from '../syscalls/errors.js';
import { isFailure } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { type Failure, type NativeFd, native } from '../syscalls/native.js';
import type { Outcome, Refusal } from './probes.js';

export const WORKED: Outcome = { ok: true };

export function refused(call: string, errno: number): Refusal {
  return { ok: false, call, code: errnoName(errno) };
}

function isNativeFd(value: unknown): value is NativeFd {
  return typeof value === 'object' && value !== null && !isFailure(value);
}

/** What an excursion came to; a descriptor that it opened is closed. */
export async function outcomeOf(
  attempt: Promise<NativeFd | number | Uint8Array | Failure>,
): Promise<Outcome> {
  const result = await attempt;
  if (isFailure(result)) return refused(result.syscall, result.errno);
  if (isNativeFd(result) && !(result instanceof Uint8Array)) await new Fd(result).close();
  return WORKED;
}

/** What a request came to. */
export async function requestOutcome(request: Promise<unknown>): Promise<Outcome> {
  try {
    await request;
    return WORKED;
  } catch (error) {
    if (!(error instanceof NsnetError)) return { ok: false, call: 'netlink', code: String(error) };
    const { syscall: call = 'netlink', code, kernel } = error;
    return { ok: false, call, code, ...(kernel !== undefined && { kernel }) };
  }
}

/** Runs `work` with descriptors that are closed behind it. */
export async function holding<T>(fds: readonly Fd[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await Promise.all(fds.map((fd) => fd.close()));
  }
}

/**
 * New namespaces with nobody in them, by the same ways that are used in earnest: a process that is not dumpable may
 * not write maps through its own memory, and has the stub do it.
 */
export async function make(
  flags: number,
  names: readonly string[],
  sockets: readonly number[] = [],
): Promise<Fd[] | Refusal> {
  let last: Refusal | undefined;
  for (const ownMemory of [false, true]) {
    const made = await native().unshare([], ownMemory, flags, names, sockets, false);
    if (!isFailure(made)) return made.map((fd) => new Fd(fd));
    // Why the stub does not run says less than what was refused before.
    if (!last || made.syscall !== 'clone') last = refused(made.syscall, made.errno);
    if (last.code !== 'EACCES') break;
  }
  return last as Refusal;
}
