import { readSync, writeSync } from 'node:fs';
import { Duplex, type Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { systemError, unsupportedError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { isBun, isDeno } from '../syscalls/runtime.js';
import { checkInteger } from '../syscalls/validate.js';
import { BunReadable } from './bun-streams.js';

const MOST = 0xffff;
const EOT = 4;
const READ_SIZE = 4096;
/** So long until what did not fit is tried again. */
const FULL_MS = 5;

/** Throws unless it can be a terminal's size, in characters. */
export function checkSize(columns: unknown, rows: unknown): void {
  checkInteger('columns', columns as number, 1, MOST);
  checkInteger('rows', rows as number, 1, MOST);
}

/** This side of a pseudo-terminal, pty(7): what the program writes can be read, and what is written it reads. */
export class Terminal extends Duplex {
  readonly #stream: Readable;
  readonly #fd: Fd;

  /** @internal `exited` is the end of the program. */
  constructor(fd: Fd, exited: Promise<unknown>) {
    super({ allowHalfOpen: false });
    this.#fd = fd;
    const copy = Fd.duplicate(fd.number);
    this.#stream = isBun ? new BunReadable(copy) : new ReadStream(copy.release());
    this.#stream.on('data', (chunk) => {
      if (!this.push(chunk)) this.#stream.pause();
    });
    // Not before the program has ended: closing this side would be a SIGHUP for one that is about to.
    const end = () =>
      void exited.then(() => {
        this.#drain();
        this.push(null);
      });
    this.#stream.on('end', end);
    this.#stream.on('error', (error: NodeJS.ErrnoException) => {
      // So Linux says that the other side was closed by all who had it.
      if (error.code === 'EIO') end();
      else this.destroy(error);
    });
  }

  /** In characters; the program gets SIGWINCH. When it has ended, nothing. */
  resize(columns: number, rows: number): void {
    checkSize(columns, rows);
    if (this.#fd.closed) return;
    const error = native().resizeTerminal(this.#fd.native, columns, rows);
    if (error !== 0) throw systemError(error, 'ioctl', { subject: 'a terminal' });
  }

  /** libuv takes a short read and a hangup together for the end; but a terminal's reads are short, and more may be there. */
  #drain(): void {
    const buffer = Buffer.alloc(READ_SIZE);
    try {
      while (!this.destroyed && !this.#fd.closed) {
        const length = readSync(this.#fd.number, buffer);
        if (length === 0) return;
        this.push(Buffer.from(buffer.subarray(0, length)));
      }
    } catch {
      // EIO: that was all.
    }
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    // Not by the stream, which would wait: neither side reads while both write.
    const write = (from: number) => {
      // What arrives when the program has gone is nobody's.
      if (this.#stream.destroyed || this.#fd.closed) {
        done();
        return;
      }
      try {
        const written = writeSync(this.#fd.number, chunk, from);
        if (from + written < chunk.length) setImmediate(write, from + written);
        else done();
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') setTimeout(write, FULL_MS, from);
        else done(code === 'EIO' ? null : (error as Error));
      }
    };
    write(0);
  }

  /** End of file for whoever reads lines: VEOF, termios(3). */
  override _final(done: (error?: Error | null) => void): void {
    this._write(Buffer.from([EOT]), 'buffer', done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.destroy();
    void this.#fd.close().then(() => done(error));
  }
}

/** A new one, and the program's side of it. */
export function openTerminal(columns: number, rows: number): [own: Fd, peer: Fd] {
  // Its streams write to a terminal with the event loop waiting, and its fs knows no descriptor but its own.
  if (isDeno) throw unsupportedError('a terminal for a program: Deno writes to none without waiting for it');
  const ends = native().openTerminal(columns, rows);
  if (typeof ends === 'number') throw systemError(ends, 'open', { subject: '/dev/ptmx' });
  return [new Fd(ends[0]), new Fd(ends[1])];
}
