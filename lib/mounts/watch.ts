import { Bell } from '../handles/bell.js';
import type { WatchOptions } from '../handles/view.js';
import { type Feed, Watch } from '../handles/watch.js';
import type { Namespace } from '../namespaces/namespace.js';
import { native } from '../syscalls/native.js';
import type { MountInfo } from './info.js';
import { type Look, MountTable } from './table.js';

export function watchMounts(
  namespace: Namespace<'mnt'> | undefined,
  wanted: (mount: MountInfo) => boolean,
  options: WatchOptions,
): Watch<MountInfo> {
  return new Watch(new MountFeed(namespace, wanted, options.signal), options, (mount) => mount);
}

/** The kernel says that something changed (poll(2) of mountinfo), and what, the table itself: it is read again. */
class MountFeed implements Feed<MountInfo> {
  readonly #namespace: Namespace<'mnt'> | undefined;
  readonly #wanted: (mount: MountInfo) => boolean;
  readonly #signal: AbortSignal | undefined;
  #table: MountTable | undefined;
  #bell: Bell | undefined;
  #look: Look | undefined;
  #reading: Promise<Map<string, MountInfo>> | undefined;
  #ended = false;

  constructor(
    namespace: Namespace<'mnt'> | undefined,
    wanted: (mount: MountInfo) => boolean,
    signal: AbortSignal | undefined,
  ) {
    this.#namespace = namespace;
    this.#wanted = wanted;
    this.#signal = signal;
  }

  begin(): Promise<Map<string, MountInfo>> {
    this.#reading = this.#begin();
    return this.#reading;
  }

  async #begin(): Promise<Map<string, MountInfo>> {
    this.#table = new MountTable(this.#namespace);
    this.#bell = new Bell(await this.#table.open());
    return this.#read(this.#table);
  }

  async wait(): Promise<void> {
    const look = this.#look as Look;
    if (look.settled) await this.#bell?.wait(() => native().tableChanged(look.table.native));
  }

  news(): Promise<Map<string, MountInfo>> {
    this.#reading = this.#read(this.#table as MountTable);
    return this.#reading;
  }

  async #read(table: MountTable): Promise<Map<string, MountInfo>> {
    const before = this.#look;
    this.#look = await table.read(this.#signal);
    await before?.table.close();
    const wanted = this.#look.mounts.filter(this.#wanted);
    return new Map(wanted.map((mount) => [keyOf(mount), mount]));
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#bell?.stop();
    await this.#reading?.catch(() => {});
    await Promise.all([this.#bell?.close(), this.#look?.table.close(), this.#table?.close()]);
  }
}

/**
 * Where the kernel has no unique ids, what stays the same as long as a mount does; one that was replaced by its like
 * meanwhile, with its number, cannot be told from it.
 */
function keyOf({ id, uniqueId, device, type, source }: MountInfo): string {
  return uniqueId === undefined ? `${id} ${device} ${type} ${source}` : `unique ${uniqueId}`;
}
