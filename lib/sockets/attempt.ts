import type { Internals } from '../namespaces/network.js';
import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { type Place, socketError } from './socket-errors.js';

const EINPROGRESS = -115;
const EALREADY = -114;

/** Resolves when there is room to write or an error to be told; rejects when it is aborted. */
function writable(fd: Fd, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const watch = native().watch(fd.native, () => end(resolve), 'write');
    if (typeof watch === 'number') return reject(systemError(watch, 'epoll_ctl'));
    const onAbort = () => end(() => reject(signal?.reason));
    const end = (then: () => void) => {
      signal?.removeEventListener('abort', onAbort);
      native().watchClose(watch);
      then();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const armed = native().watchArm(watch);
    if (armed < 0) end(() => reject(systemError(armed, 'epoll_ctl')));
  });
}

/** Connects a socket that never waits; the signal gives it up. */
export async function connectSocket(
  inner: Internals,
  fd: Fd,
  address: Uint8Array,
  place: Place,
  signal?: AbortSignal,
): Promise<void> {
  let result = native().connect(fd.native, address);
  // Within one machine it is most often established by the time the call returns: asked again, it says so.
  if (result === EINPROGRESS) result = native().connect(fd.native, address);
  while (result === EALREADY) {
    await writable(fd, signal);
    result = native().connect(fd.native, address);
  }
  if (result < 0) throw socketError(result, 'connect', place, inner);
}
