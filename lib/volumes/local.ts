import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Lock, openDirectory, Pause } from '../handles/lock.js';
import { abortError, type NsnetError, systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { invalidValue } from '../syscalls/validate.js';
import { fill } from './copy-up.js';
import type {
  CopySource,
  CopyUpOptions,
  VolumeAccess,
  VolumeDriver,
  VolumeInfo,
  VolumeSpec,
} from './driver.js';
import { isEmpty } from './empty.js';
import { mountsBelow } from './mounts-below.js';
import { openSource } from './source.js';
import { fromNode, Store, subjectOf } from './store.js';
import { type Holder, Locks, listed } from './users.js';

type Call = { signal?: AbortSignal };

/** How long others who hold a volume for a moment are waited for, in milliseconds. */
const PATIENCE = 300;
const EBUSY = -16;
const ENOENT = -2;

/** Volumes as directories of this machine: those of nsnet's own. */
export class LocalDriver implements VolumeDriver {
  readonly name = 'local';
  readonly #store: Store;

  constructor(directory: string) {
    this.#store = new Store(resolve(directory));
  }

  path(name: string): string {
    return this.#store.data(name);
  }

  async create({ name, labels, options }: VolumeSpec, { signal }: Call): Promise<void> {
    const [unknown] = Object.keys(options);
    if (unknown !== undefined) throw invalidValue('options', 'none, of the local driver,', unknown);
    await this.#store.create(name, labels, signal);
  }

  async inspect(name: string): Promise<VolumeInfo> {
    const info = await this.#info(name);
    if (!info) throw absent(name);
    return info;
  }

  async list({ signal }: Call): Promise<VolumeInfo[]> {
    await this.#store.sweep(signal);
    const found: VolumeInfo[] = [];
    const locks = await this.#locks(this.#store.directory);
    for (const name of await this.#store.names()) {
      if (signal?.aborted) throw abortError(signal);
      const info = await this.#info(name, locks);
      if (info) found.push(info);
    }
    return found;
  }

  async remove(name: string, { signal }: Call): Promise<void> {
    const path = this.#store.path(name);
    if (!(await this.#store.describe(name))) return;
    for (const pause = new Pause(signal, PATIENCE); ; await pause.pass()) {
      const lock = await Lock.try(path, 'exclusive');
      if (lock === 'gone') return;
      if (lock instanceof Lock) {
        try {
          return await this.#removeHeld(name, lock, signal);
        } finally {
          await lock.close();
        }
      }
      if (pause.over) throw await this.#busy(name, 'It can be removed when nobody uses it');
    }
  }

  async #removeHeld(name: string, lock: Lock, signal?: AbortSignal): Promise<void> {
    const [mount] = await mountsBelow(lock.directory);
    if (mount !== undefined) {
      const hint = `${mount} is mounted: nothing was removed`;
      throw systemError(EBUSY, 'rename', { subject: subjectOf(name), hint });
    }
    await this.#store.remove(name, lock, signal);
  }

  async open(
    name: string,
    { signal, copyUp }: Call & { copyUp?: CopyUpOptions & { from: CopySource } },
  ): Promise<VolumeAccess> {
    const path = this.#store.path(name);
    const done = copyUp && (await this.#copyUp(name, copyUp.from, { ...copyUp, signal }));
    // Held on to, so that nobody fills it under who uses it.
    const held = await shared(path, done?.lock);
    const lock = held ?? (await Lock.wait(path, 'shared', signal));
    if (lock && (await this.#store.describe(name)))
      return { path: this.path(name), copied: done?.copied ?? false, close: () => lock.close() };
    await lock?.close();
    throw absent(name);
  }

  async copyUp(name: string, from: CopySource, options: CopyUpOptions): Promise<boolean> {
    const { copied, lock } = await this.#copyUp(name, from, options);
    await lock?.close();
    return copied;
  }

  /** With the lock under which it was copied, where it came to that. */
  async #copyUp(
    name: string,
    from: CopySource,
    options: CopyUpOptions,
  ): Promise<{ copied: boolean; lock?: Lock }> {
    const { path = '/', signal } = options;
    const source = await openSource(from, path);
    if (!source) {
      if (!(await this.#store.describe(name))) throw absent(name);
      return { copied: false };
    }
    try {
      const lock = await this.#alone(name, signal);
      if (!lock) return { copied: false };
      return { copied: await this.#fill(name, lock, source, options), lock };
    } finally {
      await source.close();
    }
  }

  async #fill(name: string, lock: Lock, source: Fd, options: CopyUpOptions): Promise<boolean> {
    try {
      return await fill(this.#store, name, lock, source, options);
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  /**
   * An empty volume, held exclusively; undefined if it is not empty. One that somebody fills is waited for. One that is
   * in use is refused: who has it mounted would go on with the directory that is replaced.
   */
  async #alone(name: string, signal?: AbortSignal): Promise<Lock | undefined> {
    const path = this.#store.path(name);
    let used = new Pause(undefined, PATIENCE);
    for (const pause = new Pause(signal); ; await pause.pass()) {
      if (!(await this.#store.describe(name))) throw absent(name);
      const empty = await isEmpty(this.path(name)).catch((error) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
        throw fromNode(error, subjectOf(name));
      });
      if (!empty) return undefined;
      const lock = await Lock.try(path, 'exclusive');
      if (lock instanceof Lock) return lock;
      if (lock === 'gone') continue;
      const shared = await Lock.try(path, 'shared');
      if (shared instanceof Lock) await shared.close();
      else used = new Pause(undefined, PATIENCE);
      if (used.over)
        throw await this.#busy(name, 'Copy up before it is used, or by use({ copyUp }) of who uses it first');
    }
  }

  async #busy(name: string, hint: string): Promise<NsnetError> {
    const holders = await this.#holders(name);
    const who = holders.length ? listed(holders) : 'a process that this one cannot see';
    return systemError(EBUSY, 'flock', { subject: `${subjectOf(name)}, held by ${who}`, hint });
  }

  async #holders(name: string, locks?: Locks): Promise<Holder[]> {
    const path = this.#store.path(name);
    const status = await lstat(path, { bigint: true }).catch(() => undefined);
    return status ? ((await (locks ?? (await this.#locks(path)))?.of(status)) ?? []) : [];
  }

  async #locks(path: string): Promise<Locks | undefined> {
    const directory = await openDirectory(path);
    if (!directory) return undefined;
    try {
      return await Locks.read(directory);
    } finally {
      await directory.close();
    }
  }

  async #info(name: string, locks?: Locks): Promise<VolumeInfo | undefined> {
    const described = await this.#store.describe(name);
    if (!described) return undefined;
    const holders = await this.#holders(name, locks);
    const users = holders.filter((one) => !one.exclusive).map(({ pid, command }) => ({ pid, command }));
    return { name, driver: this.name, path: this.path(name), ...described, inUse: users.length > 0, users };
  }
}

/** The exclusive lock as a shared one; undefined, and closed, if somebody else came in between. */
async function shared(path: string, lock: Lock | undefined): Promise<Lock | undefined> {
  if (lock?.share() && (await lock.isStill(path))) return lock;
  await lock?.close();
  return undefined;
}

function absent(name: string): NsnetError {
  return systemError(ENOENT, 'open', { subject: subjectOf(name), hint: 'Volume.create() makes one' });
}
