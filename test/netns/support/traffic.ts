// Watches, or tampers with, what passes between netlink's requests and the kernel.
import { messageName } from '../../../lib/rtnetlink/constants.js';
import { type Native, native } from '../../../lib/syscalls/native.js';

type Watched = 'transact' | 'transactions' | 'dump';

/** Replaces a function of the add-on while `work` runs. */
export async function replacing<K extends Watched, T>(
  name: K,
  make: (original: Native[K]) => Native[K],
  work: () => Promise<T>,
): Promise<T> {
  const addon = native();
  const original = addon[name];
  addon[name] = make(original.bind(addon) as Native[K]);
  try {
    return await work();
  } finally {
    addon[name] = original;
  }
}

/** One request: its name, and where it stands among what travels together. */
export interface Sent {
  name: string;
  bytes: Uint8Array;
}

/** Cuts what travels together into its requests. */
export function requestsOf(bytes: Uint8Array): Sent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sent: Sent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true);
    sent.push({ name: messageName(view.getUint16(at + 4, true)), bytes: bytes.slice(at, at + length) });
    at += (length + 3) & ~3;
  }
  return sent;
}

/** Runs `work` and gives the names of its requests, one list for each time that some travelled together. */
export async function travelling(work: () => Promise<unknown>): Promise<string[][]> {
  const trips: string[][] = [];
  await replacing(
    'transact',
    (transact) => (fd, requests, resume) => {
      trips.push(requestsOf(requests).map(({ name }) => name));
      return transact(fd, requests, resume);
    },
    work,
  );
  return trips;
}
