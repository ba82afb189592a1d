import { getLinkRequest, linkAnswer } from '../links/devices.js';
import { dumpLinks } from '../links/read.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import { littleEndian } from '../netlink/bytes.js';
import { AF } from '../netlink/constants.js';
import { SOCK } from '../sockets/constants.js';
import { type ErrorDetails, type NsnetError, systemError, withDetails } from '../syscalls/errors.js';
import { checked, isFailure } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { type NativeRing, type NativeWatch, native } from '../syscalls/native.js';
import { compile } from './filter/compile.js';
import type { CaptureSettings } from './options.js';
import { Batch, type LinkNames } from './records.js';

/** A block of the ring: room for the largest packet there usually is. */
const BLOCK = 256 * 1024;

/** Milliseconds after which the kernel hands over a block that is not full. */
const WAIT = 10;

/** Bytes of packets that are read at a time. */
const ROOM = 256 * 1024;

const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;

/** Packets that passed the filter since it was last asked, and those of them that there was no room for. */
export interface Counts {
  received: number;
  dropped: number;
}

/** The socket that packets come from, with the kernel's ring. */
export class Ring {
  readonly #fd: Fd;
  readonly #ring: NativeRing;
  #watch: NativeWatch | undefined;
  #callback = () => {};
  #names: LinkNames;

  private constructor(fd: Fd, ring: NativeRing, names: LinkNames) {
    this.#fd = fd;
    this.#ring = ring;
    this.#names = names;
  }

  /** Made inside; once this resolves, packets are caught. */
  static async open(inner: Internals, settings: CaptureSettings): Promise<Ring> {
    const { links, filter, snaplen, promiscuous, buffer, signal } = settings;
    const indexes = links && (await Promise.all(links.map((link) => indexOf(inner, link, signal))));
    const program = compile({ filter, links: indexes, snaplen });
    const there = await dumpLinks(inner, signal);
    const loud = promiscuous ? (indexes ?? there.map(({ index }) => index)) : [];
    const names = new Map(there.map(({ index, attributes: { ifname = '' } }) => [index, ifname]));
    const fd = await inner.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK, 0).catch((error: NsnetError) => {
      throw error.code === 'EPERM' && error.syscall === 'socket' ? withDetails(error, FORBIDDEN) : error;
    });
    try {
      const list = new Uint8Array(Int32Array.from(loud).buffer);
      const count = Math.floor(buffer / BLOCK);
      const opened = await native().captureOpen(fd.native, program, BLOCK, count, WAIT, snaplen, list);
      return new Ring(fd, isFailure(opened) ? refused(opened, inner) : opened, names);
    } catch (error) {
      await fd.close();
      throw error;
    }
  }

  /** Whole packets, as many as are there but not too many; and whether there are more. Never waits. */
  read(): { batch: Batch; more: boolean } {
    const read = native().captureRead(this.#ring, ROOM);
    if (typeof read === 'number') throw systemError(read, 'captureRead');
    const [records, more] = read;
    this.#names = this.#named(new Batch(records, this.#names));
    return { batch: new Batch(records, this.#names), more };
  }

  /** A link may be renamed, and an index be another's later. */
  #named(batch: Batch): LinkNames {
    const seen = new Set<number>();
    let names = this.#names;
    for (const at of batch) {
      const index = batch.link(at);
      if (seen.has(index)) continue;
      seen.add(index);
      const name = native().linkName(this.#fd.native, index);
      // What is gone keeps its last name.
      if (typeof name === 'number' || names.get(index) === name) continue;
      names = new Map(names).set(index, name);
    }
    return names;
  }

  /** Calls back once when there are packets; until then it keeps the event loop alive. */
  whenReadable(callback: () => void): void {
    if (this.#watch === undefined) {
      const watch = native().watch(this.#fd.native, () => this.#callback());
      if (typeof watch === 'number') throw systemError(watch, 'epoll_ctl');
      this.#watch = watch;
    }
    this.#callback = callback;
    const armed = native().watchArm(this.#watch);
    if (armed < 0) throw systemError(armed, 'epoll_ctl');
  }

  /** Whether the kernel has packets that it is yet to hand over. */
  get filling(): boolean {
    return native().captureFilling(this.#ring);
  }

  /** From now on no packet is caught. */
  stop(): void {
    native().captureStop(this.#fd.native);
  }

  counts(): Counts {
    const bytes = native().getsockopt(this.#fd.native, SOL_PACKET, PACKET_STATISTICS, 12);
    if (typeof bytes === 'number') throw systemError(bytes, 'getsockopt');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return { received: view.getUint32(0, littleEndian), dropped: view.getUint32(4, littleEndian) };
  }

  async close(): Promise<void> {
    if (this.#watch) native().watchClose(this.#watch);
    native().captureClose(this.#ring);
    await this.#fd.close();
  }
}

const FORBIDDEN: ErrorDetails = {
  hint: 'Capturing needs CAP_NET_RAW in that namespace. In a Netns of its own a process needs no privileges',
};

async function indexOf(inner: Internals, link: LinkRef, signal?: AbortSignal): Promise<number> {
  const ref = typeof link === 'object' ? link.index : link;
  const answers = await inner.route.request({ ...getLinkRequest(ref, inner.subject), signal });
  return linkAnswer(answers).index;
}

/** What the ring was refused for, where the kernel's words do not tell. */
function refused(failure: { errno: number; syscall: string }, { subject }: Internals): never {
  const { errno, syscall } = failure;
  const hint =
    syscall === 'SO_ATTACH_FILTER'
      ? 'The filter is no program that the kernel takes, or larger than sysctl net.core.optmem_max allows'
      : syscall === 'PACKET_RX_RING' && errno === -12
        ? 'There is no memory for `buffer`'
        : undefined;
  return checked<never>(failure, { subject, hint });
}
