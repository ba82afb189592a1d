import { existsSync } from 'node:fs';
import { type Call, Listing } from '../handles/listing.js';
import { abortError, type NsnetError, unsupportedError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { type LayerChange, readChanges } from './changes.js';
import { type FsOption, kernelSaid, MAX_VALUE } from './filesystem.js';
import { type AllFlags, attributesOf, FLAG_KEYS } from './flags.js';
import { Mount } from './mount.js';
import { makeOverlay, overlayWay } from './overlay-ways.js';
import { mayMount, mayTrust } from './place.js';
import { placed } from './placed.js';
import { checkSource, Source } from './source.js';

/** The kernel's own limit (OVL_MAX_STACK). */
export const MAX_LOWER = 500;

export interface OverlayOptions extends AllFlags, Call {
  /** Directories or mounts that are only read, the topmost first; up to 500. */
  lower: readonly (string | Mount)[];
  /** Where changes go. Without one the overlay is read-only, and needs two lowers. */
  upper?: string | Mount;
  /** An empty directory on the file system of `upper`. Needed with `upper`. */
  work?: string | Mount;
  /** Where to attach it. Default: detached. */
  target?: string;
  /** What findmnt(8) and /proc/mounts name as its source, at most 255 bytes. Default 'overlay'. */
  source?: string;
  /** Never waits for the disk: the upper is good for this one mount, until `work` is emptied (Linux 5.10). Default false. */
  volatile?: boolean;
  /** Copies only the metadata of files whose metadata change. Needs `redirectDir`. Not rootless. Default false. */
  metacopy?: boolean;
  /** Directories of lowers can be renamed; else that is EXDEV, as across file systems. Not rootless. Default false. */
  redirectDir?: boolean;
  /** Hard links of lowers stay links when they are copied up. Not rootless. Default false. */
  index?: boolean;
}

const OWN = [
  'lower',
  'upper',
  'work',
  'target',
  'source',
  'volatile',
  'metacopy',
  'redirectDir',
  'index',
  'signal',
];

/** Directories shown as one, changes going to the upper one: the kernel's overlayfs. */
export class OverlayMount extends Mount {
  readonly #layers: { lower: string[]; upper: string | undefined };

  /** @internal */
  constructor(fd: Fd, owned: boolean, layers: { lower: string[]; upper: string | undefined }) {
    super(fd, owned);
    this.#layers = layers;
  }

  /**
   * All options that change how layers are read are set, whatever the kernel's defaults are. Without CAP_SYS_ADMIN,
   * and for root of a user namespace that is not the initial one (Linux 5.11), marks are kept in user.* attributes
   * (`userxattr`), which the upper's file system must have.
   */
  static async create(options: OverlayOptions): Promise<OverlayMount> {
    check(options);
    const { lower, upper, work, signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const sources = new Map<'lower' | 'upper' | 'work', Source[]>();
    try {
      // The kernel is asked for one too many, so that it says so itself.
      sources.set('lower', []);
      for (const layer of lower.slice(0, MAX_LOWER + 1)) sources.get('lower')?.push(new Source(layer));
      if (upper !== undefined) sources.set('upper', [new Source(upper)]);
      if (work !== undefined) sources.set('work', [new Source(work)]);
      return await make(options, sources);
    } finally {
      for (const source of [...sources.values()].flat()) source[Symbol.dispose]();
    }
  }

  /**
   * What differs from the lowers, as `docker diff` says it, read from the upper layer: by path, directories before
   * what is in them. A directory in which something changed is 'changed' itself.
   */
  changes({ signal }: Call = {}): Listing<LayerChange> {
    checkSignal(signal);
    const { lower, upper } = this.#layers;
    return new Listing(
      async () => (upper === undefined ? [] : readChanges(upper, lower, signal)),
      undefined,
      signal,
    );
  }
}

type Sources = Map<'lower' | 'upper' | 'work', Source[]>;

async function make(options: OverlayOptions, sources: Sources): Promise<OverlayMount> {
  const all = [...sources.values()].flat();
  if (all.some(({ detached }) => detached) && (await overlayWay()) !== 'fd')
    throw unsupportedError('what is in a detached mount can be a layer from Linux 6.15 on; attach it first');
  const [lower = [], [upper] = [], [work] = []] = [
    sources.get('lower'),
    sources.get('upper'),
    sources.get('work'),
  ];
  const attributes = attributesOf(options).set;
  const layers = {
    lower,
    upper,
    work,
    source: options.source ?? 'overlay',
    options: settings(options),
    attributes,
  };
  const { mount, log, outcome, opened } = await makeOverlay(layers);
  const failed = outcome.failed && opened.get(outcome.failed.number);
  const error = outcome.error({
    subject: failed?.path ?? 'a new overlay',
    kernel: kernelSaid(log.map((step) => outcome.bytes(step))),
  });
  if (error) throw explain(error, options, work?.path);
  const paths = { lower: lower.map(({ path }) => path), upper: upper?.path };
  return placed(new OverlayMount(outcome.fd(mount), true, paths), options, options.target);
}

function check(options: OverlayOptions): void {
  checkObject('options', options);
  checkKeys('options', options, [...OWN, ...FLAG_KEYS]);
  const { lower, upper, work, source } = options;
  if (!Array.isArray(lower) || lower.length === 0) throw invalidType('lower', 'a non-empty array', lower);
  for (const layer of lower) checkSource(layer, 'lower');
  if (upper !== undefined) checkSource(upper, 'upper');
  if (work !== undefined) checkSource(work, 'work');
  if ((upper === undefined) !== (work === undefined))
    throw invalidValue(
      upper === undefined ? 'upper' : 'work',
      'a directory, as upper and work go together,',
      undefined,
    );
  if (source !== undefined) checkString('source', source);
  if (source === '' || Buffer.byteLength(source ?? '') > MAX_VALUE)
    throw invalidValue('source', `1 to ${MAX_VALUE} bytes`, source);
  for (const key of ['volatile', 'metacopy', 'redirectDir', 'index'] as const)
    if (options[key] !== undefined) checkBoolean(key, options[key]);
  checkSignal(options.signal);
}

function settings({ upper, volatile, metacopy, redirectDir, index }: OverlayOptions): FsOption[] {
  const onOff = (value: boolean | undefined) => (value ? 'on' : 'off');
  return [
    ['metacopy', onOff(metacopy)],
    ['redirect_dir', redirectDir ? 'on' : 'nofollow'],
    ['index', onOff(index)],
    ...(mayTrust() ? [] : [['userxattr', true] as const]),
    ...(volatile && upper !== undefined ? [['volatile', true] as const] : []),
  ];
}

function explain(
  error: NsnetError,
  { lower, upper, metacopy, redirectDir }: OverlayOptions,
  work: string | undefined,
): NsnetError {
  if (error.syscall === 'fsopen' && error.code === 'ENODEV')
    return unsupportedError('this kernel has no overlay file system', { cause: error });
  if (error.code === 'ELOOP') return error.with({ hint: 'A layer is in another one, or given twice' });
  if (error.code !== 'EINVAL') return error;
  if (work !== undefined && existsSync(`${work}/work/incompat/volatile`)) {
    return error.with({
      hint: `A volatile overlay had this upper, which is incomplete if the system went down meanwhile; if it did not, remove ${work}/work/incompat`,
    });
  }
  if (lower.length > MAX_LOWER)
    return error.with({
      hint: `${lower.length} lowers were given, and the kernel takes ${MAX_LOWER} (OVL_MAX_STACK)`,
    });
  if (!mayMount() && (metacopy || redirectDir))
    return error.with({ hint: 'metacopy and redirectDir need CAP_SYS_ADMIN' });
  if (metacopy && !redirectDir) return error.with({ hint: 'metacopy needs redirectDir' });
  if (upper === undefined && lower.length === 1)
    return error.with({
      hint: 'Without an upper two lowers are needed; of one a BindMount { readonly: true } shows the same',
    });
  return error;
}
