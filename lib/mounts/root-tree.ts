import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import type { Namespace } from '../namespaces/namespace.js';
import { abortError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  illegalConstructor,
  invalidType,
} from '../syscalls/validate.js';
import { BindMount } from './bind.js';
import { DEVICES, LINKS, MASKED, READONLY } from './container-layout.js';
import { bindDevice } from './devices.js';
import { KernelMount } from './kernel-mount.js';
import type { Mount } from './mount.js';
import { MountNamespace } from './mount-namespace.js';
import { MountPoints } from './mount-points.js';
import { mounts as mountsOf } from './mounts.js';
import { makeReadonly, mask } from './protect.js';
import { checkSource } from './source.js';
import { statusOf } from './target.js';
import { Tmpfs } from './tmpfs.js';

export interface RootTreeOptions extends Call {
  /** What the root holds: a directory, or a mount such as an OverlayMount. Missing mount points are made in it. */
  base: string | Mount;
  /** The base, with what is mounted in it; not /dev and what `mounts` says. Default false. */
  readonly?: boolean;
  /** The network namespace that /sys shows. Default: this process's own; without CAP_SYS_ADMIN a new one. */
  net?: Namespace<'net'>;
  /** What else is mounted, in this order; missing targets are made. close() detaches them; they stay the caller's to close. */
  mounts?: readonly { mount: Mount; target: string }[];
  /**
   * Paths that are hidden, where they are: files behind /dev/null, directories behind an empty one. Default: what Docker
   * hides below /sys, and below /proc if `mounts` or the base have that.
   */
  masked?: readonly string[];
  /** Paths that are read-only, where they are, with what is mounted there. Default: what Docker makes so below /proc. */
  readonlyPaths?: readonly string[];
}

/** Where the tree is put together. Nobody is in the namespace who would miss what it hides. */
const WORKSHOP = '/proc';

const names = Object.keys(DEVICES) as (keyof typeof DEVICES)[];

/**
 * A mount namespace with the usual layout of a container: the base as its root, /dev with its nodes, /dev/pts,
 * /dev/shm and /dev/mqueue, /sys read-only, what should not be seen masked. Every target is looked up inside of the
 * root; ENOTDIR where /dev, /proc or /sys of the base is a symbolic link, ENODEV where a node of this machine's /dev is
 * not the device that it should be. /proc is a directory for the process that is started there: it shows the pid
 * namespace of whoever mounts it.
 */
export class RootTree extends Handle {
  readonly namespace: MountNamespace;
  readonly #points: MountPoints;
  readonly #mounts: Mount[] = [];
  readonly #given: Mount[] = [];

  private constructor(namespace: MountNamespace) {
    if (!(namespace instanceof MountNamespace))
      throw illegalConstructor('RootTree', 'RootTree.create({ base })');
    super(true);
    this.namespace = namespace;
    this.#points = new MountPoints(namespace, WORKSHOP);
  }

  static async create(options: RootTreeOptions): Promise<RootTree> {
    check(options);
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const tree = new RootTree(await MountNamespace.create({ signal }));
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

  /** All of it, whatever of it fails: what it attached is taken off, and what it made in the base is removed. */
  protected override async dispose(owned: boolean): Promise<void> {
    const failures: unknown[] = [];
    const attempt = (work: () => Promise<void>) => work().catch((error) => failures.push(error));
    if (owned && this.#given.length > 0) await attempt(() => this.#giveBack());
    for (const mount of this.#mounts.splice(0).reverse())
      await attempt(() => (owned ? mount : mount.release()).close());
    await attempt(() => this.#points.close(owned));
    await attempt(() => this.namespace.close());
    if (failures.length > 0) throw failures[0];
  }

  /** Takes off what the caller gave, as far as it is still in this tree. */
  async #giveBack(): Promise<void> {
    const here = new Set((await mountsOf(this.namespace).list()).map(({ id }) => id));
    for (const mount of this.#given.splice(0).reverse()) {
      if (mount.closed || !mount.attached) continue;
      const fd = Fd.duplicate(mount.fd);
      const { mountId } = await statusOf(fd).finally(() => fd.close());
      if (here.has(Number(mountId))) await mount.detach({ lazy: true });
    }
  }

  async #build({
    base,
    readonly = false,
    net,
    mounts = [],
    masked = MASKED,
    readonlyPaths = READONLY,
    signal,
  }: RootTreeOptions): Promise<void> {
    const root = await this.#keep(
      BindMount.create({ source: base, recursive: true, nodev: true, nosuid: true }),
    );
    await this.namespace.attach(root, WORKSHOP, { signal });
    await this.#points.makeDirectories(['dev', 'proc', 'sys']);
    await this.#makePoints(mounts);
    // Before anything else is mounted in it: of a recursive bind the flags are those of all that is.
    if (readonly) await root.set({ readonly: true });
    const null_ = await this.#buildDev();
    const sys = KernelMount.create({ type: 'sysfs', readonly: true, namespace: net });
    const kernel = [{ mount: await this.#put(sys, '/sys'), target: '/sys' }];
    for (const { mount, target } of mounts) {
      await this.namespace.attach(mount, target, { root: WORKSHOP, create: true });
      this.#given.push(mount);
      if (mount instanceof KernelMount) kernel.push({ mount, target: plain(target) });
    }
    const tree = { namespace: this.namespace, root: WORKSHOP, kernel };
    await makeReadonly(tree, readonlyPaths);
    await mask(tree, masked, null_);
    await this.namespace.pivotRoot(WORKSHOP, { signal });
  }

  /** In the base, for what is not mounted in one of them that was mounted before. */
  async #makePoints(mounts: NonNullable<RootTreeOptions['mounts']>): Promise<void> {
    const before = ['/dev', '/proc', '/sys'];
    for (const { mount, target } of mounts) {
      const inAnother = before.some((other) => plain(target).startsWith(`${other}/`));
      before.push(plain(target));
      if (inAnother) continue;
      const fd = Fd.duplicate(mount.fd);
      const { directory } = await statusOf(fd).finally(() => fd.close());
      await this.#points.make(target, directory);
    }
  }

  /** The mount of /dev/null in it. */
  async #buildDev(): Promise<Mount> {
    const settings = { size: '64K', mode: 0o755, nosuid: true, noexec: true } as const;
    const dev = await this.#put(Tmpfs.create(settings).then(withLinks), '/dev');
    const nodes: Mount[] = [];
    for (const name of names) nodes.push(await this.#put(bindDevice(name), name, dev));
    const pts = { ptmxmode: '0666', mode: '0620' };
    await this.#put(KernelMount.create({ type: 'devpts', options: pts }), 'pts', dev);
    const shared = { size: '64M', nosuid: true, nodev: true, noexec: true } as const;
    await this.#put(Tmpfs.create({ ...shared, mode: 0o1777 }), 'shm', dev);
    await this.#put(KernelMount.create({ type: 'mqueue' }), 'mqueue', dev);
    return nodes[names.indexOf('null')] as Mount;
  }

  async #keep<M extends Mount>(made: Promise<M>): Promise<M> {
    const mount = await made;
    this.#mounts.push(mount);
    return mount;
  }

  async #put<M extends Mount>(made: Promise<M>, target: string, root: string | Mount = WORKSHOP): Promise<M> {
    const mount = await this.#keep(made);
    await this.namespace.attach(mount, target, { root });
    return mount;
  }
}

/** A target as it is compared with others: by its names alone. */
const plain = (target: string) =>
  `/${target
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/')}`;

/** What else is in /dev. */
function withLinks(dev: Tmpfs): Tmpfs {
  for (const name of ['pts', 'shm', 'mqueue']) mkdirSync(dev.path + name);
  for (const name of names) writeFileSync(dev.path + name, '');
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, dev.path + name);
  return dev;
}

function check(options: RootTreeOptions): void {
  checkObject('options', options);
  checkKeys('options', options, ['base', 'readonly', 'net', 'mounts', 'masked', 'readonlyPaths', 'signal']);
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
  for (const key of ['masked', 'readonlyPaths'] as const) {
    const paths = options[key];
    if (paths !== undefined && !Array.isArray(paths)) throw invalidType(key, 'an array', paths);
    for (const path of paths ?? []) checkString(key, path);
  }
  checkSignal(options.signal);
}
