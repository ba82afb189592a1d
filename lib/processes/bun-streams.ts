import { Readable, Writable } from 'node:stream';
import type { Fd } from '../syscalls/fd.js';

/** What is used here of Bun's own API, https://bun.sh/docs/api/file-io: a file by its descriptor, which stays ours. */
interface Sink {
  write(chunk: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  end(): number | Promise<number>;
}
interface BunFile {
  stream(): ReadableStream<Uint8Array>;
  writer(): Sink;
}

const fileOf = (fd: Fd) =>
  (globalThis as unknown as { Bun: { file(fd: number): BunFile } }).Bun.file(fd.number);

/** What Bun reads of a pipe or a terminal: its net.Socket takes sockets only, and for fs.read a thread would wait. */
export class BunReadable extends Readable {
  readonly #fd: Fd;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(fd: Fd) {
    super();
    this.#fd = fd;
    this.#reader = fileOf(fd).stream().getReader();
  }

  override _read(): void {
    this.#reader.read().then(
      ({ done, value }) => this.push(done ? null : Buffer.from(value)),
      (error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const closed = () => void this.#fd.close().then(() => done(error));
    this.#reader.cancel().then(closed, closed);
  }
}

/** The same for writing. */
export class BunWritable extends Writable {
  readonly #fd: Fd;
  readonly #sink: Sink;

  constructor(fd: Fd) {
    super({ decodeStrings: true });
    this.#fd = fd;
    this.#sink = fileOf(fd).writer();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#all(chunk).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const closed = () => void this.#fd.close().then(() => done(error));
    // Its own duplicate of the descriptor goes with it.
    Promise.resolve(this.#sink.end()).then(closed, closed);
  }

  async #all(chunk: Buffer): Promise<void> {
    await this.#sink.write(chunk);
    await this.#sink.flush();
  }
}
