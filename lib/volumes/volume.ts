import { inspect } from 'node:util';
import type { Call } from '../handles/listing.js';
import { abortError, unsupportedError } from '../syscalls/errors.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  illegalConstructor,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import {
  type CopySource,
  type CopyUpOptions,
  checkDriver,
  type VolumeDriver,
  type VolumeInfo,
} from './driver.js';
import { LocalDriver } from './local.js';
import { anyName, checkVolumeName, defaultDirectory } from './names.js';
import { checkInner, checkSource } from './source.js';
import { VolumeUse } from './use.js';

/** Whose volumes are meant: nsnet's own in a directory, or a driver's. */
export interface VolumePlace extends Call {
  /**
   * Where nsnet's own are. Default: /var/lib/nsnet/volumes for root, else nsnet/volumes in $XDG_DATA_HOME or
   * ~/.local/share. It belongs to this user alone: what runs setuid in a volume would else be in everybody's reach.
   */
  directory?: string;
  /** Somebody else's storage. */
  driver?: VolumeDriver;
}

export interface VolumeOptions extends VolumePlace {
  /** Letters, digits, `_`, `.` and `-`, beginning with a letter or digit (Docker's rule). Default: 64 random digits. */
  name?: string;
  /** For list() to choose by; they do not change. */
  labels?: Record<string, string>;
  /** The driver's own. */
  options?: Record<string, string>;
}

export interface UseOptions extends Call {
  /** Copies into it first if it is empty, so that nobody comes in between. */
  copyUp?: Omit<CopyUpOptions, 'signal'> & { from: CopySource };
}

const COPY_KEYS = ['path', 'owners', 'devices'];

/**
 * A managed volume: content that outlives what uses it. The object is a name and a driver, holds nothing, and has no
 * close(): a volume is removed by remove() alone.
 */
export class Volume {
  readonly name: string;
  readonly #driver: VolumeDriver;

  private constructor(name: string, driver: VolumeDriver) {
    if (name === undefined || !driver) throw illegalConstructor('Volume', 'Volume.create(name)');
    this.name = name;
    this.#driver = driver;
  }

  /** EEXIST if there is one of that name; of two that make it at the same time one wins. */
  static async create(options: string | VolumeOptions = {}): Promise<Volume> {
    const given = typeof options === 'string' ? { name: options } : options;
    const driver = driverOf(given, ['name', 'labels', 'options']);
    const { name = anyName(), labels = {}, options: own = {}, signal } = given;
    checkVolumeName(name);
    checkTexts('labels', labels);
    checkTexts('options', own);
    if (signal?.aborted) throw abortError(signal);
    await driver.create({ name, labels: { ...labels }, options: { ...own } }, { signal });
    return new Volume(name, driver);
  }

  /** ENOENT if there is none. */
  static async open(name: string, options: VolumePlace = {}): Promise<Volume> {
    checkVolumeName(name);
    const driver = driverOf(options);
    if (options.signal?.aborted) throw abortError(options.signal);
    await driver.inspect(name, { signal: options.signal });
    return new Volume(name, driver);
  }

  /** Those that have all of the labels, by name. Plain data. */
  static async list(options: VolumePlace & { labels?: Record<string, string> } = {}): Promise<VolumeInfo[]> {
    const driver = driverOf(options, ['labels']);
    const { labels = {}, signal } = options;
    checkTexts('labels', labels);
    if (signal?.aborted) throw abortError(signal);
    const wanted = Object.entries(labels);
    const all = await driver.list({ signal });
    return all.filter((info) => wanted.every(([key, value]) => info.labels[key] === value));
  }

  /** The driver's name: 'local' for nsnet's own. */
  get driver(): string {
    return this.#driver.name;
  }

  /** ENOENT once it is removed. */
  inspect(call: Call = {}): Promise<VolumeInfo> {
    return this.#call(call, [], () => this.#driver.inspect(this.name, { signal: call.signal }));
  }

  /**
   * Removes it with its content, whoever made it; again is no error. EBUSY while somebody uses it, and while something
   * is mounted below it: nothing is removed then. Aborted, or killed, when it had begun: the volume is gone, and what
   * is left of its content is removed by the next create() or list().
   */
  remove(call: Call = {}): Promise<void> {
    return this.#call(call, [], () => this.#driver.remove(this.name, { signal: call.signal }));
  }

  /** Makes it in use until the result is closed, or this process ends, kill -9 included. Waits while it is filled. */
  use(options: UseOptions = {}): Promise<VolumeUse> {
    return this.#call(options, ['copyUp'], async () => {
      const { copyUp, signal } = options;
      if (copyUp !== undefined) {
        checkObject('copyUp', copyUp);
        checkKeys('copyUp', copyUp, ['from', ...COPY_KEYS]);
        checkCopy(copyUp.from, copyUp);
        this.#copies();
      }
      return new VolumeUse(this.name, await this.#driver.open(this.name, { signal, copyUp }));
    });
  }

  /**
   * Copies what an image has at `path` into the volume, if the volume is empty, and resolves to whether it did: all of
   * it, or nothing, whatever happens meanwhile. Kept are owners, modes, times, extended attributes, lists of access
   * rights, hard links, holes, and symbolic links as such; SELinux labels and overlay's marks are not. The volume's
   * directory gets the owner and mode of the image's. A path that the image has not is nothing to copy.
   *
   * EBUSY while the volume is in use and empty; EPERM for an owner or a device that may not be given; EXDEV where
   * something is mounted within what is to be copied; ENOSPC, …: the volume is empty still.
   */
  copyUp(from: CopySource, options: CopyUpOptions = {}): Promise<boolean> {
    return this.#call(options, COPY_KEYS, async () => {
      checkCopy(from, options);
      return this.#copies()(from, options);
    });
  }

  /** One line. */
  toString(): string {
    return `Volume ${this.name} (${this.driver})`;
  }

  toJSON(): { name: string; driver: string } {
    return { name: this.name, driver: this.driver };
  }

  [inspect.custom](): string {
    return this.toString();
  }

  #copies(): (from: CopySource, options: CopyUpOptions) => Promise<boolean> {
    const driver = this.#driver;
    if (!driver.copyUp) throw unsupportedError(`the volume driver '${driver.name}' does not copy up`);
    return (from, options) =>
      (driver.copyUp as NonNullable<VolumeDriver['copyUp']>)(this.name, from, options);
  }

  async #call<T>(call: Call, keys: readonly string[], work: () => Promise<T>): Promise<T> {
    checkObject('options', call);
    checkKeys('options', call, [...keys, 'signal']);
    checkSignal(call.signal);
    if (call.signal?.aborted) throw abortError(call.signal);
    return work();
  }
}

function driverOf(place: VolumePlace, keys: readonly string[] = []): VolumeDriver {
  checkObject('options', place);
  checkKeys('options', place, [...keys, 'directory', 'driver', 'signal']);
  const { directory, driver, signal } = place;
  checkSignal(signal);
  if (driver !== undefined) {
    if (directory !== undefined) throw invalidValue('options', 'either driver or directory', 'both');
    checkDriver(driver);
    return driver;
  }
  if (directory === undefined) return new LocalDriver(defaultDirectory());
  checkString('directory', directory);
  if (directory === '') throw invalidValue('directory', 'a path', directory);
  return new LocalDriver(directory);
}

function checkTexts(name: string, value: unknown): asserts value is Record<string, string> {
  checkObject(name, value);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalidType(`${name}.${key}`, 'a string', text);
  }
}

function checkCopy(from: unknown, { path, owners, devices }: CopyUpOptions): void {
  checkSource(from);
  if (path !== undefined) checkInner(path);
  if (devices !== undefined) checkBoolean('devices', devices);
  if (owners !== undefined && owners !== 'keep' && owners !== 'map')
    throw invalidValue('owners', "'keep' or 'map'", owners);
}
