import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import type { Namespace } from '../namespaces/namespace.js';
import { abortError, type NsnetError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
} from '../syscalls/validate.js';
import { BindMount } from './bind.js';
import { KernelMount } from './kernel-mount.js';
import type { Mount } from './mount.js';
import { MountNamespace } from './mount-namespace.js';
import { checkSource } from './source.js';
import { Target } from './target.js';
import { Tmpfs } from './tmpfs.js';

export interface RootTreeOptions extends Call {
  /** What the root holds: a directory, or a mount such as an OverlayMount. Missing mount points are made in it. */
  base: string | Mount;
  /** Default false. */
  readonly?: boolean;
  /** The network namespace that /sys shows. Default: this process's own; without CAP_SYS_ADMIN a new one. */
  net?: Namespace<'net'>;
  /** What else is mounted, in this order; missing targets are made. The mounts stay the caller's to close. */
  mounts?: readonly { mount: Mount; target: string }[];
  /** Paths that are hidden, where they are: files behind /dev/null, directories behind an empty one. */
  masked?: readonly string[];
}

/** Where the tree is put together. Nobody is in the namespace who would miss what it hides. */
const WORKSHOP = '/proc';

const NODES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

const LINKS = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
};

const MASKED = ['/sys/firmware', '/sys/devices/virtual/powercap'];

/**
 * A mount namespace with the usual layout of a container: the base as its root, /dev with its nodes, /dev/pts,
 * /dev/shm and /dev/mqueue, /sys read-only, what should not be seen masked. Every target is looked up inside of the
 * root. /proc is a directory for the process that is started there: it shows the pid namespace of whoever mounts it.
 */
export class RootTree extends Handle {
  readonly namespace: MountNamespace;
  readonly #mounts: Mount[];

  private constructor(namespace: MountNamespace, mounts: Mount[]) {
    super(true);
    this.namespace = namespace;
    this.#mounts = mounts;
  }

  static async create(options: RootTreeOptions): Promise<RootTree> {
    check(options);
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const tree = new RootTree(await MountNamespace.create({ signal }), []);
    try {
      await tree.#build(options);
      if (signal?.aborted) throw abortError(signal);
      return tree;
    } catch (error) {
      await tree.close();
      throw error;
    }
  }

  override toString(): string {
    return `RootTree { namespace: ${this.namespace.id} }`;
  }

  override toJSON(): unknown {
    return { namespace: this.namespace.id };
  }

  /** The mounts go with the namespace, unless a process is in it. */
  protected override async dispose(): Promise<void> {
    for (const mount of this.#mounts.reverse()) await mount.close();
    await this.namespace.close();
  }

  async #build({
    base,
    readonly = false,
    net,
    mounts = [],
    masked = MASKED,
    signal,
  }: RootTreeOptions): Promise<void> {
    const root = await this.#keep(
      BindMount.create({ source: base, recursive: true, nodev: true, nosuid: true }),
    );
    await this.namespace.attach(root, WORKSHOP, { signal });
    await this.#attach(
      Tmpfs.create({ size: '64K', mode: 0o755, nosuid: true, noexec: true }).then(withLinks),
      '/dev',
    );
    for (const name of NODES)
      await this.#attach(BindMount.create({ source: `/dev/${name}` }), `/dev/${name}`);
    const pts = { ptmxmode: '0666', mode: '0620' };
    await this.#attach(KernelMount.create({ type: 'devpts', options: pts }), '/dev/pts');
    const shared = { size: '64M', nosuid: true, nodev: true, noexec: true } as const;
    await this.#attach(Tmpfs.create({ ...shared, mode: 0o1777 }), '/dev/shm');
    await this.#attach(KernelMount.create({ type: 'mqueue' }), '/dev/mqueue');
    await this.#attach(KernelMount.create({ type: 'sysfs', readonly: true, namespace: net }), '/sys');
    for (const { mount, target } of mounts) await this.#put(mount, target);
    for (const path of masked) await this.#mask(path);
    // Its mount point has to be there when the root cannot be written any more.
    await this.#point('/proc');
    if (readonly) await root.set({ readonly: true });
    await this.namespace.pivotRoot(WORKSHOP, { signal });
  }

  async #keep<M extends Mount>(made: Promise<M>): Promise<M> {
    const mount = await made;
    this.#mounts.push(mount);
    return mount;
  }

  async #attach(made: Promise<Mount>, target: string): Promise<void> {
    await this.#put(await this.#keep(made), target);
  }

  async #put(mount: Mount, target: string, create = true): Promise<void> {
    await this.namespace.attach(mount, target, { root: WORKSHOP, create });
  }

  /** Makes a directory to be mounted on. */
  async #point(target: string): Promise<void> {
    const at = new Target(target, { root: WORKSHOP, namespace: Fd.duplicate(this.namespace.fd) });
    await at.create(true).finally(() => at.close());
  }

  /** A directory is tried first: what it is decides which mount fits. */
  async #mask(path: string): Promise<void> {
    for (const cover of [
      () => Tmpfs.create({ size: '4K', readonly: true }),
      () => BindMount.create({ source: '/dev/null' }),
    ]) {
      const mount = await cover();
      const error = await this.#put(mount, path, false).then(
        () => undefined,
        (failure: NsnetError) => failure,
      );
      if (!error) {
        this.#mounts.push(mount);
        return;
      }
      await mount.close();
      if (error.code === 'ENOENT') return;
      if (error.code !== 'EINVAL' && error.code !== 'ENOTDIR') throw error;
    }
  }
}

/** What else is in /dev. */
function withLinks(dev: Tmpfs): Tmpfs {
  for (const name of ['pts', 'shm', 'mqueue']) mkdirSync(dev.path + name);
  for (const name of NODES) writeFileSync(dev.path + name, '');
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, dev.path + name);
  return dev;
}

function check(options: RootTreeOptions): void {
  checkObject('options', options);
  checkKeys('options', options, ['base', 'readonly', 'net', 'mounts', 'masked', 'signal']);
  checkSource(options.base, 'base');
  if (options.readonly !== undefined) checkBoolean('readonly', options.readonly);
  if (options.mounts !== undefined && !Array.isArray(options.mounts))
    throw invalidType('mounts', 'an array', options.mounts);
  for (const one of options.mounts ?? []) {
    checkObject('mounts', one);
    checkKeys('mounts', one, ['mount', 'target']);
    const { mount, target } = one as { mount: unknown; target: unknown };
    if (typeof mount === 'string') throw invalidType('mounts.mount', 'a Mount', mount);
    checkSource(mount, 'mounts.mount');
    checkString('mounts.target', target);
  }
  if (options.masked !== undefined && !Array.isArray(options.masked))
    throw invalidType('masked', 'an array', options.masked);
  for (const path of options.masked ?? []) checkString('masked', path);
  checkSignal(options.signal);
}
