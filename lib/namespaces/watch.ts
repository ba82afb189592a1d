import { Pace } from '../handles/pace.js';
import type { WatchOptions } from '../handles/view.js';
import { type Feed, Watch } from '../handles/watch.js';
import type { NamespaceInfo } from './namespace.js';

/** Milliseconds. */
export const DEFAULT_INTERVAL = 1000;

/** Changes of what `read` gives, which is asked again and again: the kernel tells nobody of namespaces. */
export function watchNamespaces(
  read: () => Promise<NamespaceInfo[]>,
  keyOf: (info: NamespaceInfo) => string,
  interval: number,
  options: WatchOptions,
): Watch<NamespaceInfo> {
  return new Watch(new Poll(read, keyOf, interval), options, (info) => info);
}

/** What stays the same as long as a namespace does; without a unique number another one may be given its inode. */
export function identity({ type, id, uniqueId }: NamespaceInfo): string {
  return uniqueId === undefined ? `${type} ${id}` : `${type} ${id} ${uniqueId}`;
}

class Poll implements Feed<NamespaceInfo> {
  readonly #read: () => Promise<NamespaceInfo[]>;
  readonly #keyOf: (info: NamespaceInfo) => string;
  readonly #interval: number;
  #reading: Promise<Map<string, NamespaceInfo>> | undefined;
  #readAt = 0;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(
    read: () => Promise<NamespaceInfo[]>,
    keyOf: (info: NamespaceInfo) => string,
    interval: number,
  ) {
    this.#read = read;
    this.#keyOf = keyOf;
    this.#interval = interval;
  }

  begin(): Promise<Map<string, NamespaceInfo>> {
    this.#reading = this.#look();
    return this.#reading;
  }

  /** A slow reader, who comes back after the time is up, does not wait. */
  wait(): Promise<void> {
    const left = this.#readAt + this.#interval - performance.now();
    if (this.#ended || left <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  news(current: Map<string, NamespaceInfo>): Promise<Map<string, NamespaceInfo>> {
    this.#reading = this.#again(current);
    return this.#reading;
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#wake?.();
    await this.#reading?.catch(() => {});
  }

  async #look(): Promise<Map<string, NamespaceInfo>> {
    const infos = await this.#read();
    this.#readAt = performance.now();
    return new Map(infos.map((info) => [this.#keyOf(info), info]));
  }

  /**
   * What goes from one holder to another while /proc is read may be missed at both, so what is gone must be missing
   * twice.
   */
  async #again(current: Map<string, NamespaceInfo>): Promise<Map<string, NamespaceInfo>> {
    let found = await this.#look();
    const pace = new Pace();
    for (const key of current.keys()) {
      if (!found.has(key)) {
        if (!this.#ended) found = new Map([...found, ...(await this.#look())]);
        break;
      }
    }
    // The very same object where nothing changed: that is seen at once when the two are compared.
    for (const [key, info] of found) {
      const before = current.get(key);
      if (before && alike(before, info)) found.set(key, before);
      if (pace.due) await pace.turn();
    }
    return found;
  }
}

const PLAIN = ['type', 'id', 'uniqueId', 'name', 'path', 'uid', 'owner', 'parent'] as const;

function alike(one: NamespaceInfo, other: NamespaceInfo): boolean {
  return (
    PLAIN.every((key) => one[key] === other[key]) &&
    one.pids.length === other.pids.length &&
    one.pids.every((pid, index) => pid === other.pids[index])
  );
}
