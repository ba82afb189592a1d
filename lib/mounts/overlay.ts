import { access, realpath, stat } from 'node:fs/promises';
import { type Call, Listing } from '../handles/listing.js';
import { unlockAndClose } from '../handles/lock.js';
import { abortError, type NsnetError, systemError, unsupportedError } from '../syscalls/errors.js';
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
import { type FsOption, kernelSaid, MAX_VALUE, type Made } from './filesystem.js';
import { type AllFlags, attributesOf, FLAG_KEYS } from './flags.js';
import { Mount } from './mount.js';
import { makeOverlay, overlayWay } from './overlay-ways.js';
import { mayMount, mayTrust } from './place.js';
import { placed } from './placed.js';
import { checkSource, Source } from './source.js';
import { targetOf } from './target.js';

const EBUSY = -16;

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
  /**
   * Hard links of lowers stay links when they are copied up, and an upper that another overlay has is EBUSY. Without
   * privileges only the latter. Default false.
   */
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
  readonly #locked: Fd | undefined;

  /** @internal */
  constructor(
    made: Made,
    owned: boolean,
    layers: { lower: string[]; upper: string | undefined },
    locked: Fd | undefined,
  ) {
    super(made?.fd, owned, made ?? {});
    this.#layers = layers;
    this.#locked = locked;
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
      // By the page it is made in a mount namespace of the stub's, in which a mount of this one is no layer.
      const how = { held: mayMount() && (await overlayWay()) !== 'page' };
      // The kernel is asked for one too many, so that it says so itself.
      sources.set('lower', []);
      for (const layer of lower.slice(0, MAX_LOWER + 1)) sources.get('lower')?.push(new Source(layer, how));
      if (upper !== undefined) sources.set('upper', [new Source(upper, how)]);
      if (work !== undefined) sources.set('work', [new Source(work, how)]);
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

  protected override async dispose(owned: boolean): Promise<void> {
    try {
      await super.dispose(owned);
    } finally {
      if (this.#locked) await unlockAndClose(this.#locked);
    }
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
  const target = targetOf(options.target);
  const layers = {
    lower,
    upper,
    work,
    source: options.source ?? 'overlay',
    options: settings(options),
    attributes,
    target,
  };
  const { mount, log, outcome, opened, attached, locked } = await makeOverlay(layers);
  const failed = outcome.failed && opened.get(outcome.failed.number);
  const error = outcome.error({
    subject: failed?.path ?? 'a new overlay',
    kernel: kernelSaid(log.map((step) => outcome.bytes(step))),
  });
  if (error) throw await explain(error, options, { upper: upper?.path, work: work?.path });
  const paths = { lower: lower.map(({ path }) => path), upper: upper?.path };
  const made = { fd: outcome.fd(mount), ...(attached && outcome.result(attached) === 0 && { target }) };
  const held = locked && outcome.fd(locked);
  return placed(new OverlayMount(made, true, paths, held), options, target);
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

async function explain(
  error: NsnetError,
  { lower, upper, metacopy, redirectDir }: OverlayOptions,
  { upper: above, work }: { upper?: string; work?: string },
): Promise<NsnetError> {
  if (error.syscall === 'fsopen' && error.code === 'ENODEV')
    return unsupportedError('this kernel has no overlay file system', { cause: error });
  const wrong = above === undefined || work === undefined ? undefined : await whatIsWrong(above, work);
  if (error.syscall === 'flock' && error.code === 'EAGAIN')
    return systemError(EBUSY, 'flock', {
      subject: error.subject,
      hint: wrong ?? 'Another overlay has this directory as its work, or a program has locked it: flock(2)',
    });
  if (error.code === 'ELOOP') return error.with({ hint: 'A layer is in another one, or given twice' });
  if (error.code !== 'EINVAL') return error;
  if (work !== undefined && (await exists(`${work}/work/incompat/volatile`))) {
    return error.with({
      hint: `A volatile overlay had this upper, which is incomplete if the system went down meanwhile; if it did not, remove ${work}/work/incompat`,
    });
  }
  if (wrong !== undefined) return error.with({ hint: wrong });
  if (lower.length > MAX_LOWER)
    return error.with({
      hint: `${lower.length} lowers were given, and the kernel takes ${MAX_LOWER} (OVL_MAX_STACK)`,
    });
  if (!mayTrust() && (metacopy || redirectDir))
    return error.with({ hint: 'metacopy and redirectDir need CAP_SYS_ADMIN' });
  if (metacopy && !redirectDir) return error.with({ hint: 'metacopy needs redirectDir' });
  if (upper === undefined && lower.length === 1)
    return error.with({
      hint: 'Without an upper two lowers are needed; of one a BindMount { readonly: true } shows the same',
    });
  return error;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** What the kernel says in its log alone. */
async function whatIsWrong(upper: string, work: string): Promise<string | undefined> {
  try {
    // Of what is in a detached mount there is no true path.
    if ((await stat(upper)).dev !== (await stat(work)).dev)
      return 'work must be on the file system that upper is on';
    const [above, beside] = [await realpath(upper), await realpath(work)];
    if (`${above}/`.startsWith(`${beside}/`) || `${beside}/`.startsWith(`${above}/`))
      return 'upper and work must be two directories, neither of them in the other';
  } catch {
    // What cannot be looked at is not known.
  }
  return undefined;
}
