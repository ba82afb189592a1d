import type { Call } from '../handles/listing.js';
import { Namespace } from '../namespaces/namespace.js';
import { abortError, closedError } from '../syscalls/errors.js';
import { CLONE } from '../syscalls/excursion.js';
import {
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { type FsOption, MAX_VALUE, makeFilesystem } from './filesystem.js';
import { type AllFlags, attributesOf, FLAG_KEYS } from './flags.js';
import { Mount } from './mount.js';
import { mayMount } from './place.js';
import { placed } from './placed.js';
import { targetOf } from './target.js';

/** File systems that hold nothing of their own and show what the kernel knows. */
export type KernelFilesystem = 'proc' | 'sysfs' | 'devpts' | 'mqueue' | 'cgroup2';

export interface KernelMountOptions extends AllFlags, Call {
  type: KernelFilesystem;
  /** Where to attach it. Default: detached. */
  target?: string;
  /** The file system's own: `{ hidepid: 'invisible' }` for proc(5), `{ ptmxmode: '0666' }` for devpts. */
  options?: Readonly<Record<string, string | number | true>>;
  /**
   * Of sysfs the network namespace, of mqueue the ipc namespace, of cgroup2 the cgroup namespace that it shows.
   * Default: this process's own; without CAP_SYS_ADMIN a new one, where there is no other choice.
   */
  namespace?: Namespace;
}

/** The type of namespace that each shows; proc shows the pid namespace of whoever mounts it. */
const SHOWN = { sysfs: 'net', mqueue: 'ipc', cgroup2: 'cgroup' } as const;

/** What is in a container's /proc, /sys, /dev/pts, /dev/mqueue and /sys/fs/cgroup. nosuid, nodev (but devpts) and noexec by default. */
export class KernelMount extends Mount {
  static async create(options: KernelMountOptions): Promise<KernelMount> {
    checkObject('options', options);
    checkKeys('options', options, ['type', 'target', 'options', 'namespace', 'signal', ...FLAG_KEYS]);
    const { type, target, namespace, signal } = options;
    if (!['proc', 'devpts', ...Object.keys(SHOWN)].includes(type))
      throw invalidValue('type', 'proc, sysfs, devpts, mqueue or cgroup2', type);
    const shown = Object.hasOwn(SHOWN, type) ? SHOWN[type as keyof typeof SHOWN] : undefined;
    if (namespace !== undefined) {
      if (!(namespace instanceof Namespace && namespace.type === shown))
        throw invalidType(
          'namespace',
          shown ? `a Namespace of type ${shown}` : `none: ${type} shows no other`,
          namespace,
        );
      if (namespace.closed) throw closedError(namespace.toString());
    }
    checkSignal(signal);
    const settings = settingsOf(options.options ?? {});
    const usual = { nosuid: true, nodev: type !== 'devpts', noexec: true };
    const attributes = attributesOf({ ...usual, ...options });
    const at = targetOf(target);
    if (signal?.aborted) throw abortError(signal);
    const isNew = shown !== undefined && namespace === undefined && !mayMount();
    const { fd, ...made } = await makeFilesystem(type, settings, attributes.set, {
      target: at,
      ...(namespace && { inside: { [shown as string]: namespace.fd } }),
      ...(isNew && { before: (steps) => steps.add('unshare', [CLONE[shown]]) }),
    });
    return placed(new KernelMount(fd, true, made), options, at);
  }
}

function settingsOf(options: Readonly<Record<string, string | number | true>>): FsOption[] {
  checkObject('options.options', options);
  return Object.entries(options).map(([key, value]) => {
    if (value === true) return [key, true];
    const text = typeof value === 'number' ? String(value) : value;
    checkString(`options.${key}`, text);
    if (Buffer.byteLength(text) > MAX_VALUE)
      throw invalidValue(`options.${key}`, `at most ${MAX_VALUE} bytes (fsconfig(2))`, text);
    return [key, text];
  });
}
