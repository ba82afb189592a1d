import { Pause } from '../handles/lock.js';
import type { Internals } from '../namespaces/network.js';
import { SOCK } from '../sockets/constants.js';
import { AF_UNIX, encodeUnixAddress } from '../sockets/unix-address.js';
import { abortError, systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';

const EADDRINUSE = -98;

/** What is done by one at a time, of all processes that have networks in a namespace. */
export type Affair = 'making' | 'forwarding' | 'ports';

/** Who keeps others waiting for longer, in milliseconds, is stopped, or means harm. */
const LONGEST = 10_000;

/**
 * Runs `work` when nobody else is at the same affair: an abstract unix socket of the namespace is held meanwhile, which
 * goes with the process. No name, address or rule hangs on it; what is read first and written then does.
 */
export async function inTurn<T>(
  inner: Internals,
  affair: Affair,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const key = `turn: ${affair}`;
  const before = (inner.memory.get(key) as Promise<unknown> | undefined) ?? Promise.resolve();
  const mine = before.then(async () => {
    if (signal?.aborted) throw abortError(signal);
    const lock = await take(inner, affair, signal);
    try {
      return await work();
    } finally {
      await lock?.close();
    }
  });
  const settled: Promise<unknown> = mine.then(
    () => {},
    () => {},
  );
  inner.memory.set(key, settled);
  settled.then(() => inner.memory.get(key) === settled && inner.memory.delete(key));
  return mine;
}

/** Undefined where it has taken too long: anybody may bind such a socket. */
async function take(inner: Internals, affair: Affair, signal?: AbortSignal): Promise<Fd | undefined> {
  const address = encodeUnixAddress('affair', `\0nsnet:${affair}`);
  for (const pause = new Pause(signal, LONGEST); !pause.over; await pause.pass()) {
    const fd = await inner.socket(AF_UNIX, SOCK.DGRAM, 0);
    const bound = native().bind(fd.native, address);
    if (bound === 0) return fd;
    await fd.close();
    if (bound !== EADDRINUSE) throw systemError(bound, 'bind', { subject: inner.subject });
  }
  return undefined;
}
