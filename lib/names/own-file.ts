import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { systemError } from '../syscalls/errors.js';

/** EISDIR: what is there is no file. */
const NO_FILE = -21;

/** A small file that is read whenever it is needed, and parsed again when it has changed. */
export class OwnFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #last: { text: string; parsed: T } | undefined;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  /** Undefined where there is no such file. Rejects where it cannot be read: it may be there to keep queries away. */
  async read(): Promise<T | undefined> {
    const text = await this.#text().catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw systemError(error.errno ?? -5, error.syscall ?? 'read', { subject: this.#path });
    });
    if (text === undefined) return undefined;
    if (this.#last?.text !== text) this.#last = { text, parsed: this.#parse(text) };
    return this.#last.parsed;
  }

  /** A FIFO in its place must not make anyone wait. */
  async #text(): Promise<string> {
    const file = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if ((await file.stat()).isFile()) return await file.readFile('utf8');
      throw Object.assign(new Error('no file'), { errno: NO_FILE, syscall: 'read' });
    } finally {
      await file.close();
    }
  }
}
