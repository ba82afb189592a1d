// A wire on which a test puts what it likes, and what a capture leaves behind.
import { readFileSync } from 'node:fs';
import type { Capture, Netns, Packet } from 'nsnet';
import { internals } from '../../../lib/namespaces/network.js';
import { SOCK } from '../../../lib/sockets/constants.js';
import type { Fd } from '../../../lib/syscalls/fd.js';
import { native } from '../../../lib/syscalls/native.js';

/** A packet socket that sends frames as they are on a link of a namespace. */
export class Wire implements AsyncDisposable {
  readonly #fd: Fd;
  readonly #address = new Uint8Array(20);

  private constructor(fd: Fd, index: number) {
    this.#fd = fd;
    const view = new DataView(this.#address.buffer);
    view.setUint16(0, 17, true);
    view.setInt32(4, index, true);
  }

  static async open(netns: Netns, index: number): Promise<Wire> {
    return new Wire(await internals(netns).socket(17, SOCK.RAW | SOCK.NONBLOCK, 0), index);
  }

  send(frame: Uint8Array): void {
    const sent = native().send(this.#fd.native, frame, this.#address);
    if (sent < 0) throw new Error(`send: ${sent}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fd.close();
  }
}

/** What it has caught, in order, once it is closed. */
export async function rest(capture: Capture): Promise<Packet[]> {
  await capture.close();
  const packets: Packet[] = [];
  for await (const packet of capture) packets.push(packet);
  return packets;
}

/** Rings in this process's memory. */
export const rings = () => readFileSync('/proc/self/maps', 'utf8').match(/socket:\[/g)?.length ?? 0;
