import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { type NativeWatch, native } from '../syscalls/native.js';
import { answerOf } from './batch.js';
import { Bytes, littleEndian } from './bytes.js';
import { AF, ENOBUFS, NETLINK_OPTION, NLMSG } from './constants.js';
import { framesOf } from './frames.js';
import type { Answer } from './request.js';

const SOL_NETLINK = 270;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const EAGAIN = -11;
const MSG_TRUNC = 0x20;
/** Asked for; the kernel gives what it allows. */
const RECEIVE_BUFFER = 1024 * 1024;
const DATAGRAMS = 64;

/** struct sockaddr_nl without port or groups. */
const KERNEL_CHOOSES = new Uint8Array(12);
new DataView(KERNEL_CHOOSES.buffer).setUint16(0, AF.NETLINK, littleEndian);

function int(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}

/** What has happened since one last looked: messages, or that some were lost. */
export interface News {
  messages: Answer[];
  /** The kernel's queue overflowed (ENOBUFS): what is known must be read again. */
  lost: boolean;
}

/** Listens to multicast groups of netlink. Only waiting for news keeps the event loop alive. */
export class Monitor {
  readonly #fd: Fd;
  readonly #watch: NativeWatch;
  /** Apart, so that the add-on's hold on the callback is none on a monitor that nobody waits for. */
  readonly #waiter: { wake?: () => void } = {};
  #closed = false;

  /** Takes the socket over. */
  constructor(fd: Fd, groups: readonly number[]) {
    this.#fd = fd;
    native().setsockopt(fd.native, SOL_SOCKET, SO_RCVBUF, int(RECEIVE_BUFFER));
    // A socket without a port of its own hears nothing: it has the kernel's port, 0, whose own messages pass it by.
    const bound = native().bind(fd.native, KERNEL_CHOOSES);
    if (bound < 0) throw systemError(bound, 'bind');
    for (const group of groups) {
      const joined = native().setsockopt(fd.native, SOL_NETLINK, NETLINK_OPTION.ADD_MEMBERSHIP, int(group));
      if (joined < 0) throw systemError(joined, 'setsockopt');
    }
    const waiter = this.#waiter;
    const watch = native().watch(fd.native, () => waiter.wake?.());
    if (typeof watch === 'number') throw systemError(watch, 'epoll_ctl');
    this.#watch = watch;
  }

  /** Waiting for news does not keep the event loop alive any more. */
  unref(): this {
    native().watchHold(this.#watch, false);
    return this;
  }

  /** What there is now, without waiting. */
  read(): News {
    const news: News = { messages: [], lost: false };
    if (this.#closed) return news;
    const received = native().receive(this.#fd.native, DATAGRAMS);
    if (typeof received === 'number') {
      if (received === ENOBUFS) news.lost = true;
      else if (received !== EAGAIN) throw systemError(received, 'recvmsg');
      return news;
    }
    for (const [data, address, , flags] of received) {
      // sockaddr_nl.nl_pid: only the kernel's own, which is 0.
      if (address.length < 8 || address[4] || address[5] || address[6] || address[7]) continue;
      if (flags & MSG_TRUNC) {
        news.lost = true;
        continue;
      }
      const bytes = new Bytes(data);
      for (const frame of framesOf(bytes)) {
        if (frame.type >= NLMSG.MIN_TYPE) news.messages.push(answerOf(bytes, frame));
      }
    }
    return news;
  }

  /** Resolves when there may be something to read, or it was closed. */
  wait(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = this.#waiter;
      waiter.wake = () => {
        waiter.wake = undefined;
        resolve();
      };
      const armed = native().watchArm(this.#watch);
      if (armed < 0) reject(systemError(armed, 'epoll_ctl'));
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    native().watchClose(this.#watch);
    this.#waiter.wake?.();
    await this.#fd.close();
  }
}
