import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';

/** Datagrams of one batch, at most. */
const MOST = 32;

/** Bytes: of the longest that may come, and of others besides. */
const ROOM = 2 * (65_536 + 256);

/** In words of 32 bits: a struct sockaddr_in6, and before it the size of the datagram. */
export const SENDER = 7;
const EACH = 1 + SENDER;

// Of this thread: nothing else runs between being filled and emptied.
let room: Uint8Array | undefined;
const words = new Int32Array(1 + MOST * EACH);
const told = new Uint8Array(words.buffer);

/** What has arrived, some of it if that is much. */
export interface Batch {
  datagrams: Buffer[];
  /** So many words of each who sent one; good until the next batch. */
  senders: Int32Array;
  /** What ended it, behind the datagrams: EAGAIN if there are no more, 0 if there may be. */
  errno: number;
}

/** Reads up to 32 datagrams. No call waits. */
export function readBatch(fd: Fd): Batch {
  room ??= new Uint8Array(ROOM);
  const count = native().receiveDatagrams(fd.native, room, told);
  const datagrams: Buffer[] = [];
  const senders = new Int32Array(count * SENDER);
  for (let i = 0, used = 0; i < count; i++) {
    const at = 1 + i * EACH;
    const size = words[at]!;
    // With memory of its own: nobody who keeps one keeps others.
    const bytes = Buffer.allocUnsafeSlow(size);
    bytes.set(room.subarray(used, used + size));
    datagrams.push(bytes);
    senders.set(words.subarray(at + 1, at + EACH), i * SENDER);
    used += size;
  }
  return { datagrams, senders, errno: words[0]! };
}
