import { open, realpath, stat } from 'node:fs/promises';
import type { Call } from '../handles/listing.js';
import { abortError, systemError, unsupportedError } from '../syscalls/errors.js';
import { checkKeys, checkObject, checkSignal, checkString, invalidValue } from '../syscalls/validate.js';
import { type FsOption, makeFilesystem } from './filesystem.js';
import { type AllFlags, attributesOf, FLAG_KEYS } from './flags.js';
import { attachLoop } from './loop.js';
import { Mount } from './mount.js';
import { placed } from './placed.js';
import { Source } from './source.js';
import { targetOf } from './target.js';

const EISDIR = -21;

/** File systems of images. */
export type ImageFilesystem = 'squashfs' | 'erofs' | 'ext4';

export interface ImageOptions extends Omit<AllFlags, 'readonly'>, Call {
  /** A file, or a block device. */
  source: string;
  /** Default: what the source's first bytes say. */
  type?: ImageFilesystem;
  /** Where to attach it. Default: detached. */
  target?: string;
}

/** Where each has its magic number, and what it is. */
const MAGIC: readonly (readonly [type: ImageFilesystem, offset: number, bytes: string])[] = [
  ['squashfs', 0, '68737173'],
  ['erofs', 1024, 'e2e1f5e0'],
  ['ext4', 1080, '53ef'],
];

/** The journal is not replayed: that would be a write. */
const OPTIONS: Partial<Record<ImageFilesystem, FsOption[]>> = { ext4: [['noload', true]] };

/**
 * A file system in a file or block device, read-only: a layer for an overlay. Needs CAP_SYS_ADMIN in the first user
 * namespace. The kernel trusts what it reads: mount no image of somebody whom you would not let load a module.
 * nosuid and nodev by default.
 */
export class ImageMount extends Mount {
  static async create(options: ImageOptions): Promise<ImageMount> {
    checkObject('options', options);
    checkKeys('options', options, ['source', 'type', 'target', 'signal', ...FLAG_KEYS]);
    const { source, type, target, signal } = options;
    checkString('source', source);
    if (type !== undefined && !MAGIC.some(([known]) => known === type))
      throw invalidValue('type', 'squashfs, erofs or ext4', type);
    checkSignal(signal);
    const attributes = attributesOf({ nosuid: true, nodev: true, ...options, readonly: true });
    const at = targetOf(target);
    if (signal?.aborted) throw abortError(signal);
    using from = new Source(source);
    await using file = disposable(await from.read());
    // What was opened is looked at, not what the path means by now.
    const image = `/proc/self/fd/${file.value.number}`;
    const found = await stat(image);
    if (found.isDirectory())
      throw systemError(EISDIR, 'read', { subject: source, hint: 'BindMount shows a directory' });
    const kind = type ?? (await typeOf(image, source));
    await using loop = found.isBlockDevice() ? undefined : disposable(await attachLoop(file.value));
    const path = loop ? loop.value.path : await realpath(image);
    const settings: FsOption[] = [['source', path], ['ro', true], ...(OPTIONS[kind] ?? [])];
    const { fd, ...made } = await makeFilesystem(kind, settings, attributes.set, { target: at });
    return placed(new ImageMount(fd, true, made), options, at);
  }
}

type Closable = { close(): Promise<void> } | { device: { close(): Promise<void> } };

function disposable<T extends Closable>(value: T): AsyncDisposable & { value: T } {
  return {
    value,
    [Symbol.asyncDispose]: () => ('device' in value ? value.device.close() : value.close()),
  };
}

async function typeOf(path: string, source: string): Promise<ImageFilesystem> {
  await using file = await open(path, 'r');
  for (const [type, offset, hex] of MAGIC) {
    const bytes = Buffer.alloc(hex.length / 2);
    await file.read(bytes, 0, bytes.length, offset);
    if (bytes.toString('hex') === hex) return type;
  }
  throw unsupportedError(`${source} holds no squashfs, erofs or ext4`);
}
