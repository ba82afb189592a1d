import { constants } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { systemError } from '../syscalls/errors.js';
import { HERE } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { type Step, Steps } from '../syscalls/steps.js';
import { AT, O_CLOEXEC, O_PATH, RESOLVE } from './constants.js';
import { Source } from './source.js';

/** What a layer has at a name. */
export interface Entry {
  kind: 'directory' | 'whiteout' | 'other';
  /** A directory that hides what the layers below have there. */
  opaque: boolean;
  /** A directory that was elsewhere in the layers below. */
  redirected: boolean;
}

/** So many names are asked about in one program, and so many attributes. */
const NAMES_AT_ONCE = 100;
const MARKS_AT_ONCE = 60;

const STATX_TYPE_AND_SIZE = 0x201;
const AT_NO_AUTOMOUNT = 0x800;
const ATTRIBUTE_BYTES = 256;

/** Marks of overlayfs: in trusted.* attributes, or in user.* ones where it was mounted without privileges. */
const PREFIXES = ['trusted.overlay.', 'user.overlay.'];

/** No link is followed, wherever in a path: what a layer holds is changed by others meanwhile. */
const DIRECTORY = Buffer.alloc(24);
DIRECTORY.writeUInt32LE(O_PATH | O_CLOEXEC | constants.O_DIRECTORY, 0);
DIRECTORY.writeUInt32LE(RESOLVE.NO_SYMLINKS | RESOLVE.BENEATH, 16);

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** A layer of an overlay, held, to be asked what it has at a path: relative to it, '' being the layer itself. */
export class Layer {
  readonly #path: string;
  readonly #root: Fd;

  private constructor(path: string, root: Fd) {
    this.#path = path;
    this.#root = root;
  }

  /** Undefined if there is none any more. Symbolic links that lead to it are followed: its path is the caller's own. */
  static async open(path: string): Promise<Layer | undefined> {
    using source = new Source(path);
    const steps = new Steps();
    const opened = source.readDirectory(steps, { keep: true });
    const outcome = await steps.run(HERE);
    const error = outcome.error({ subject: path });
    if (!error) return new Layer(path.replace(/\/+$/, ''), outcome.fd(opened));
    if (GONE.has(error.code)) return undefined;
    throw error;
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  /** The names in a directory; none if it is no directory any more. */
  async names(path: string): Promise<string[]> {
    return (await this.#in(path, (directory) => this.#read(directory, path))) ?? [];
  }

  /** What is at each of the names in a directory; those that are not there are left out. */
  async entries(path: string, names: readonly string[]): Promise<Map<string, Entry>> {
    return (await this.#in(path, (directory) => this.#look(directory, path, names))) ?? new Map();
  }

  /** All that is in a directory. */
  async list(path: string): Promise<Map<string, Entry>> {
    const listed = await this.#in(path, async (directory) =>
      this.#look(directory, path, await this.#read(directory, path)),
    );
    return listed ?? new Map();
  }

  async #in<T>(path: string, work: (directory: Fd) => Promise<T>): Promise<T | undefined> {
    const steps = new Steps();
    const opened = steps.add('openat2', [this.#root, path || '.', DIRECTORY], { keep: true });
    const outcome = await steps.run(HERE);
    const error = outcome.error({ subject: `${this.#path}/${path}` });
    if (error && GONE.has(error.code)) return undefined;
    if (error) throw error;
    const directory = outcome.fd(opened);
    try {
      return await work(directory);
    } finally {
      await directory.close();
    }
  }

  async #read(directory: Fd, path: string): Promise<string[]> {
    try {
      return await readdir(pathOf(directory));
    } catch (error) {
      const { errno = 0, syscall = 'readdir', code = '' } = error as NodeJS.ErrnoException;
      if (GONE.has(code)) return [];
      throw systemError(errno, syscall, { subject: `${this.#path}/${path}` });
    }
  }

  async #look(directory: Fd, path: string, names: readonly string[]): Promise<Map<string, Entry>> {
    const found = new Map<string, Entry>();
    const marked: Question[] = [];
    for (let from = 0; from < names.length; from += NAMES_AT_ONCE) {
      const steps = new Steps();
      const asked = names.slice(from, from + NAMES_AT_ONCE).map((name): [string, Step] => {
        const given = [directory, name, AT.SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE_AND_SIZE, 256];
        return [name, steps.add('statx', given, { optional: true })];
      });
      const outcome = await steps.run(HERE);
      for (const [name, step] of asked) {
        if (outcome.result(step) < 0) {
          const error = systemError(outcome.result(step), 'statx', {
            subject: `${this.#path}/${path && `${path}/`}${name}`,
          });
          if (GONE.has(error.code)) continue;
          throw error;
        }
        const { type, size, device } = statusIn(outcome.room(step));
        const isDirectory = type === constants.S_IFDIR;
        const isWhiteout = type === constants.S_IFCHR && device === 0n;
        const kind = isDirectory ? 'directory' : isWhiteout ? 'whiteout' : 'other';
        const entry: Entry = { kind, opaque: false, redirected: false };
        found.set(name, entry);
        if (isDirectory) marked.push({ name, entry, mark: 'opaque' }, { name, entry, mark: 'redirect' });
        // An empty file with a mark, where device nodes could not be made (Linux 6.8).
        if (type === constants.S_IFREG && size === 0n) marked.push({ name, entry, mark: 'whiteout' });
      }
    }
    await readMarks(directory, marked);
    return found;
  }
}

/** A mark that may be at a name. */
interface Question {
  name: string;
  entry: Entry;
  mark: 'opaque' | 'redirect' | 'whiteout';
}

async function readMarks(directory: Fd, questions: readonly Question[]): Promise<void> {
  const atOnce = MARKS_AT_ONCE / PREFIXES.length;
  for (let from = 0; from < questions.length; from += atOnce) {
    const steps = new Steps();
    const asked: [Question, Step][] = [];
    for (const question of questions.slice(from, from + atOnce)) {
      const path = `${pathOf(directory)}/${question.name}`;
      for (const prefix of PREFIXES) {
        const given = [path, prefix + question.mark, ATTRIBUTE_BYTES];
        asked.push([question, steps.add('lgetxattr', given, { optional: true })]);
      }
    }
    const outcome = await steps.run(HERE);
    for (const [{ entry, mark }, step] of asked) {
      if (outcome.result(step) < 0) continue;
      if (mark === 'whiteout') entry.kind = 'whiteout';
      if (mark === 'redirect') entry.redirected = true;
      if (mark === 'opaque') entry.opaque ||= Buffer.from(outcome.bytes(step)).toString() === 'y';
    }
  }
}

/** What the last name of a path is, is not followed; and what is before it here is this process's own. */
const pathOf = (directory: Fd) => `/proc/self/fd/${directory.number}`;

/** Of a struct statx: statx(2). */
function statusIn(status: Uint8Array): { type: number; size: bigint; device: bigint } {
  const bytes = Buffer.from(status);
  return {
    type: bytes.readUInt16LE(28) & constants.S_IFMT,
    size: bytes.readBigUInt64LE(40),
    device: bytes.readBigUInt64LE(128),
  };
}
