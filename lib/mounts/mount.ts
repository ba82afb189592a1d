import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import { Namespace } from '../namespaces/namespace.js';
import {
  abortError,
  closedError,
  type NsnetError,
  systemError,
  unsupportedError,
  withNotUndone,
} from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import type { Steps } from '../syscalls/steps.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  illegalConstructor,
  invalidType,
} from '../syscalls/validate.js';
import { AT } from './constants.js';
import { type AllFlags, attributesOf, FLAG_KEYS, mountAttr } from './flags.js';
import { mayMount, runMaking } from './place.js';
import { checkSource, isOneOfUs } from './source.js';
import { type Created, statusOf, Target } from './target.js';
import { detachIdle, detachLazily, unmountAndClose } from './unmount.js';

export interface AttachOptions extends Call {
  /** Makes a target that is missing, a directory or an empty file as the mount's root is; close() removes it. Default false. */
  create?: boolean;
  /**
   * A directory or mount that the target is looked up in, as in a container's root: no symbolic link, absolute or
   * with `..`, leads out of it, whoever exchanges them meanwhile (openat2(2), RESOLVE_IN_ROOT, Linux 5.6).
   */
  root?: string | Mount;
  /** The mount namespace to attach it in. Default: this process's own. */
  namespace?: Namespace<'mnt'>;
}

export interface DetachOptions extends Call {
  /** Even if it is in use: what is open in it stays usable until it is closed. Default false: EBUSY. */
  lazy?: boolean;
}

interface Attachment {
  target: Target;
  created: Created[];
}

/**
 * A mount, held by a descriptor. A detached one is in no directory: it is used by its `path`, and gone with this
 * object or the process. attach() puts it on a directory or file.
 */
export class Mount extends Handle {
  #fd: Fd;
  #attached: Attachment | undefined;
  /** What is done to it is done one after another, closing last. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #recursive: boolean;
  readonly #file: boolean;

  /** @internal */
  constructor(
    fd: Fd,
    owned: boolean,
    {
      target,
      recursive = false,
      file = false,
    }: { target?: Target; recursive?: boolean; file?: boolean } = {},
  ) {
    // Private to TypeScript alone.
    if (!(fd instanceof Fd))
      throw illegalConstructor(
        new.target.name,
        new.target === Mount ? 'Mount.open(target)' : `${new.target.name}.create()`,
      );
    super(owned);
    this.#fd = fd;
    this.#recursive = recursive;
    this.#file = file;
    if (target) this.#attached = { target, created: [] };
    isOneOfUs(this);
    this.warnIfCollected(`Mount ${this.path}`);
  }

  /** What is mounted on `target`. EINVAL if nothing is. */
  static async open(target: string, { signal }: Call = {}): Promise<Mount> {
    checkSignal(signal);
    const at = new Target(target);
    if (signal?.aborted) throw abortError(signal);
    const fd = await at.open().catch(async (error) => {
      await at.close();
      throw error;
    });
    const { mountRoot, directory } = await statusOf(fd);
    if (mountRoot) return new Mount(fd, false, { target: at, file: !directory });
    await Promise.all([fd.close(), at.close()]);
    throw systemError(-22, 'open', { subject: at.path, hint: 'Nothing is mounted there' });
  }

  /**
   * Attached, its target. Detached, or in another mount namespace, `/proc/<pid>/fd/N/` (without the last slash of a file), for this process and its
   * children of the same user: plain open, readdir, stat and write work through it; realpath(), process.cwd(), cp()
   * of the path itself and import() do not, as they ask for a true path, which a detached mount does not have.
   */
  get path(): string {
    const { target } = this.#attached ?? {};
    if (target && !target.namespace) return target.path;
    return `/proc/${process.pid}/fd/${this.#fd.number}${this.#file ? '' : '/'}`;
  }

  /** The descriptor (O_PATH) of its root; −1 once closed. It stays this object's. */
  get fd(): number {
    return this.#fd.number;
  }

  /** Whether it is attached, as far as this object knows. */
  get attached(): boolean {
    return this.#attached !== undefined;
  }

  /**
   * Puts it on a directory or file. The target is looked up to a descriptor first, without following magic links
   * (openat2(2), RESOLVE_NO_MAGICLINKS), in a detached mount's `path` never out of it (RESOLVE_IN_ROOT); symbolic
   * links that change afterwards change nothing. EINVAL inside a detached mount before Linux 6.15.
   */
  attach(target: string, options: AttachOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#attach(target, options));
  }

  async #attach(target: string, options: AttachOptions): Promise<void> {
    checkObject('options', options);
    checkKeys('options', options, ['create', 'root', 'namespace', 'signal']);
    const { create = false, root, namespace, signal } = options;
    if (root !== undefined) checkSource(root, 'root');
    checkBoolean('create', create);
    checkSignal(signal);
    if (namespace !== undefined && !(namespace instanceof Namespace && namespace.type === 'mnt'))
      throw invalidType('namespace', 'a Namespace of type mnt', namespace);
    this.#checkOpen();
    if (namespace?.closed) throw closedError(namespace.toString());
    if (this.#attached)
      throw systemError(-16, 'move_mount', {
        subject: this.#attached.target.path,
        hint: 'It is attached already',
      });
    // Held: what is mounted in it is taken off there, even if the namespace's own object is closed first.
    const at = targetIn(namespace, target, root);
    try {
      if (signal?.aborted) throw abortError(signal);
      this.#attached = { target: at, created: await attachTo(at, this.#fd, create) };
    } catch (error) {
      await at.close();
      throw error;
    }
    if (!signal?.aborted) return;
    await this.detach({ lazy: true });
    throw abortError(signal);
  }

  /** Changes what it allows: mount_setattr(2) (Linux 5.12). Of a recursive bind, with the mounts in it. */
  set(flags: AllFlags, options: Call = {}): Promise<void> {
    return this.#inTurn(() => this.#set(flags, options));
  }

  async #set(flags: AllFlags, { signal }: Call): Promise<void> {
    checkObject('flags', flags);
    checkKeys('flags', flags, FLAG_KEYS);
    checkSignal(signal);
    const attributes = attributesOf(flags);
    this.#checkOpen();
    if (signal?.aborted) throw abortError(signal);
    const at = AT.EMPTY_PATH | (this.#recursive ? AT.RECURSIVE : 0);
    const add = (steps: Steps) => {
      steps.add('mount_setattr', [this.#fd, '', at, mountAttr(attributes)]);
    };
    const error = (await this.#run(add)).error({ subject: this.path });
    if (error) throw error;
  }

  /** Takes it off its target; it is a detached mount again. EBUSY if it is in use, or something is mounted in it. */
  detach(options: DetachOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#detach(options));
  }

  async #detach({ lazy = false, signal }: DetachOptions): Promise<void> {
    checkBoolean('lazy', lazy);
    checkSignal(signal);
    this.#checkOpen();
    if (!this.#attached)
      throw systemError(-22, 'umount2', { subject: this.path, hint: 'It is not attached' });
    if (signal?.aborted) throw abortError(signal);
    const { target, created } = this.#attached;
    if (target.inDetached)
      throw unsupportedError('what is attached in a detached mount stays there for as long as that is', {
        subject: this.path,
      });
    const attached = { fd: this.#fd, target, recursive: this.#recursive };
    this.#fd = lazy
      ? await detachLazily(attached)
      : await detachIdle(attached, (fd) => {
          this.#fd = fd;
        });
    this.#attached = undefined;
    await target.remove(created);
    await target.close();
  }

  override toString(): string {
    return `${this.constructor.name} { path: '${this.path}' }`;
  }

  override toJSON(): unknown {
    return { path: this.path, attached: this.attached };
  }

  /** Lazily, so that it cannot fail for being in use; never by its path, on which something else may be by now. */
  protected override dispose(owned: boolean): Promise<void> {
    return this.#inTurn(() => this.#dispose(owned));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #dispose(owned: boolean): Promise<void> {
    const { target, created } = this.#attached ?? {};
    if (owned && target?.inDetached) await target.remove(created ?? []);
    else if (owned && target && created && !this.#fd.closed) {
      await unmountAndClose({ fd: this.#fd, target, recursive: this.#recursive });
      this.#attached = undefined;
      await target.remove(created);
    }
    await target?.close();
    await this.#fd.close();
  }

  #checkOpen(): void {
    if (this.closed) throw closedError(this.toString());
  }

  /** In the mount namespace that it is attached in; a detached one wherever this process may. */
  #run(add: (steps: Steps) => void) {
    return this.#attached ? this.#attached.target.run(add) : runMaking(add);
  }
}

/** A target that holds its mount namespace; nothing is held if it cannot be one. */
function targetIn(
  namespace: Namespace | undefined,
  target: string,
  root: string | Mount | undefined,
): Target {
  const held = namespace && Fd.duplicate(namespace.fd);
  try {
    return new Target(target, { root, namespace: held });
  } catch (error) {
    held?.closeNow();
    throw error;
  }
}

/** Attaches a mount; what was made for that. */
async function attachTo(at: Target, mount: Fd, create: boolean): Promise<Created[]> {
  let created: Created[] = [];
  let error = await at.attach(mount);
  if (error?.code === 'ENOENT' && error.syscall === 'openat2' && create) {
    created = await at.create((await statusOf(mount)).directory);
    error = await at.attach(mount);
  }
  if (!error) return created;
  const failure = explain(error, at);
  await at.remove(created).catch((notUndone) => {
    throw withNotUndone(failure, notUndone);
  });
  throw failure;
}

function explain(error: NsnetError, { namespace }: Target): NsnetError {
  if (error.code === 'EPERM' && !mayMount() && !namespace)
    return error.with({
      hint: "Without CAP_SYS_ADMIN nothing can be attached in this process's mount namespace: use it by its path, or attach it in a MountNamespace",
    });
  if (error.code === 'ENOENT' && error.syscall === 'openat2')
    return error.with({ hint: 'There is no such target; attach(target, { create: true }) makes it' });
  if (error.code === 'ELOOP')
    return error.with({
      hint: 'A target is not looked up through magic links of /proc, or too many symbolic links',
    });
  if (error.code === 'EINVAL' && error.syscall === 'move_mount')
    return error.with({
      hint: 'A directory is mounted on a directory, a file on a file; before Linux 6.15 nothing on what is detached itself',
    });
  return error;
}
