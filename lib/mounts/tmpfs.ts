import type { Call } from '../handles/listing.js';
import { abortError } from '../syscalls/errors.js';
import { checkInteger, checkKeys, checkObject, checkSignal } from '../syscalls/validate.js';
import { makeFilesystem } from './filesystem.js';
import { type AllFlags, attributesOf, FLAG_KEYS } from './flags.js';
import { Mount } from './mount.js';
import { placed } from './placed.js';
import { bytesOf, type Size } from './size.js';
import { targetOf } from './target.js';

export interface TmpfsOptions extends AllFlags, Call {
  /** Where to attach it. Default: detached. */
  target?: string;
  /** The most it may hold, in bytes or as '64M'. Default: half of the memory, the kernel's own. */
  size?: Size;
  /** The mode of its root. Default 0o1777. */
  mode?: number;
  /** The most files it may hold. Default: the kernel's own. */
  inodes?: number;
}

/** A file system in memory: tmpfs(5). What it holds is gone with it. */
export class Tmpfs extends Mount {
  static async create(options: TmpfsOptions = {}): Promise<Tmpfs> {
    checkObject('options', options);
    checkKeys('options', options, ['target', 'size', 'mode', 'inodes', 'signal', ...FLAG_KEYS]);
    const { target, size, mode, inodes, signal } = options;
    if (mode !== undefined) checkInteger('mode', mode, 0, 0o7777);
    if (inodes !== undefined) checkInteger('inodes', inodes, 1, Number.MAX_SAFE_INTEGER);
    checkSignal(signal);
    const attributes = attributesOf(options);
    const at = targetOf(target);
    const settings = [
      ...(size === undefined ? [] : [['size', String(bytesOf('size', size))] as const]),
      ...(mode === undefined ? [] : [['mode', mode.toString(8)] as const]),
      ...(inodes === undefined ? [] : [['nr_inodes', String(inodes)] as const]),
    ];
    if (signal?.aborted) throw abortError(signal);
    const { fd, ...made } = await makeFilesystem('tmpfs', settings, attributes.set, { target: at });
    return placed(new Tmpfs(fd, true, made), options, at);
  }
}
