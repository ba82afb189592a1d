import { type FileHandle, open } from 'node:fs/promises';
import { release } from 'node:os';
import { native } from '../syscalls/native.js';
import type { LinkType } from './decode/decode.js';
import { interfaceBlock, packetBlocks, section, statisticsBlock } from './pcapng.js';
import type { Batch } from './records.js';
import type { Counts } from './ring.js';

/** Bytes that may wait to be written before no more are taken from the kernel. */
const MOST = 4 * 2 ** 20;

interface Interface {
  id: number;
  received: number;
}

/** A pcapng file that packets are appended to, in the order in which they are given. */
export class CaptureFile {
  readonly #handle: FileHandle;
  readonly #snaplen: number;
  readonly #filter: string | undefined;
  readonly #interfaces = new Map<string, Interface>();
  readonly #began = native().now();
  readonly #failed: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #written = 0;

  private constructor(
    handle: FileHandle,
    snaplen: number,
    filter: string | undefined,
    failed: (error: unknown) => void,
  ) {
    this.#handle = handle;
    this.#failed = failed;
    this.#snaplen = snaplen;
    this.#filter = filter;
  }

  /** `failed` hears at once of what cannot be written. */
  static async create(
    path: string,
    snaplen: number,
    filter: string | undefined,
    failed: (error: unknown) => void,
  ): Promise<CaptureFile> {
    const file = new CaptureFile(await open(path, 'w'), snaplen, filter, failed);
    file.#append(section('nsnet', `Linux ${release()}`));
    return file;
  }

  /** Packets that were written, or are about to be. */
  get written(): number {
    return this.#written;
  }

  /** Whether it is time to wait for written(). */
  get full(): boolean {
    return this.#waiting > MOST;
  }

  /** Waits for what was given so far; rejects where it could not be written. */
  async flushed(): Promise<void> {
    await this.#last;
  }

  put(batch: Batch): void {
    const idOf = (at: number) => {
      const one = this.#interface(
        batch.names.get(batch.link(at)) ?? `if${batch.link(at)}`,
        batch.link(at),
        batch.linkType(at),
      );
      one.received++;
      this.#written++;
      return one.id;
    };
    const blocks = packetBlocks(batch, idOf);
    this.#append(blocks);
  }

  /** A name that changes, or another link of the same name, is one of its own. */
  #interface(name: string, index: number, linkType: LinkType): Interface {
    const key = `${index} ${linkType} ${name}`;
    let found = this.#interfaces.get(key);
    if (!found) {
      found = { id: this.#interfaces.size, received: 0 };
      this.#interfaces.set(key, found);
      this.#append(interfaceBlock(name, linkType, this.#snaplen, this.#filter));
    }
    return found;
  }

  #append(bytes: Uint8Array): void {
    this.#waiting += bytes.length;
    this.#last = this.#last.then(async () => {
      await this.#handle.writeFile(bytes);
      this.#waiting -= bytes.length;
    });
    this.#last.catch(this.#failed);
  }

  /** Writes what was counted, and closes it; rejects where something could not be written. */
  async finish({ dropped }: Counts): Promise<void> {
    const to = native().now();
    const several = this.#interfaces.size > 1;
    for (const { id, received } of this.#interfaces.values()) {
      // The kernel counts what it drops for the socket, and not for each link.
      const lost = id === 0 ? dropped : 0;
      this.#append(
        statisticsBlock(id, {
          from: this.#began,
          to,
          received: received + lost,
          ...(id === 0 && { dropped }),
          ...(id === 0 && several && { comment: 'Dropped packets are those of all interfaces' }),
        }),
      );
    }
    try {
      await this.#last;
    } finally {
      await this.#handle.close();
    }
  }
}
