import type { Call } from '../handles/listing.js';
import { rememberName } from '../links/devices.js';
import { privileged } from '../namespaces/credentials.js';
import { listNamespaces } from '../namespaces/list.js';
import { checkNetnsName, label, nameOf, pathOf, pin, pinnedNames, unpin } from '../namespaces/names.js';
import {
  type NamespaceInfo,
  type NamespaceSource,
  openOfProcess,
  openPath,
  openSource,
} from '../namespaces/namespace.js';
import { type AnyNetns, internals, NetworkNamespace, openInternals } from '../namespaces/network.js';
import { type PingOptions, type PingRun, ping } from '../sockets/ping.js';
import { abortError, NsnetError, withDetails, withNotUndone } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { illegalConstructor } from '../syscalls/validate.js';
import { Addresses } from './addresses.js';
import { checkNetnsOptions, makeNetns, type NetnsOptions } from './create.js';
import { Links } from './links.js';
import { Routes } from './routes.js';
import { readSysctl, writeSysctl } from './sysctl.js';

/** The kernel gives it to the first link of a namespace (net_init of drivers/net/loopback.c). */
const LOOPBACK_IFINDEX = 1;

declare module '../namespaces/network.js' {
  interface Registered {
    netns: Netns;
  }
}

interface Parts {
  handle: Fd;
  owned: boolean;
  name?: string;
  path?: string;
  route?: Fd;
  /** For errors: "netns 'test1'". */
  subject: string;
}

/**
 * One network namespace. It is held by a descriptor and vanishes when nobody holds it; a name is by choice. close()
 * of one that create() made ends what was opened through it, takes its name away and drops the descriptor. Its links
 * go with it.
 */
export class Netns extends NetworkNamespace {
  /** As pinned under /run/netns, or a label in this process where there is no `path`. */
  readonly name?: string;
  /** '/run/netns/<name>' if it is pinned there. */
  readonly path?: string;
  /** Its network interfaces: get, list, watch. */
  readonly links: Links;
  /** The addresses of its links: add, replace, delete, list, watch. */
  readonly addresses: Addresses;
  /** Its routes: add, replace, delete, list, watch. */
  readonly routes: Routes;
  /** Names that close() takes away. */
  readonly #attached: string[] = [];

  private constructor(parts: Parts) {
    // Private to TypeScript alone.
    if (!(parts?.handle instanceof Fd)) throw illegalConstructor('Netns', 'Netns.create()');
    const { handle, owned, name, path, route, subject } = parts;
    super(handle, owned, subject, route);
    if (name !== undefined) this.name = name;
    if (path !== undefined) this.path = path;
    const self = this as AnyNetns;
    this.links = new Links(self);
    this.addresses = new Addresses(self);
    this.routes = new Routes(self);
  }

  /**
   * Makes a network namespace. Needs no privileges: without them it is made in a user namespace of this process's
   * own, and its name is a label. Rejects with EEXIST if the name is in use, and nothing is left behind.
   */
  static override async create(options: string | NetnsOptions = {}): Promise<Netns> {
    const checked = checkNetnsOptions(options);
    const { signal } = checked;
    if (signal?.aborted) throw abortError(signal);
    const { namespace, route, name, path } = await makeNetns(checked);
    const subject = name === undefined ? 'an unnamed netns' : `netns '${name}'`;
    const netns = new Netns({ handle: namespace, owned: true, name, path, route, subject });
    rememberName(internals(netns), 'lo', LOOPBACK_IFINDEX);
    try {
      if (signal?.aborted) throw abortError(signal);
      return netns;
    } catch (error) {
      throw await closing(netns, error);
    }
  }

  /** Opens one by name (pinned, or a label of this process), path, descriptor, or from what list() gave. */
  static override async open(source: string | NamespaceSource): Promise<Netns> {
    if (typeof source !== 'string') {
      const handle = await openSource(source);
      const path = 'path' in source ? source.path : undefined;
      const name = 'name' in source ? source.name : nameOf(path);
      const subject = name ? `netns '${name}'` : path ? `netns at ${path}` : 'an unnamed netns';
      return new Netns({ handle, owned: false, name, path: name ? path : undefined, subject });
    }
    checkNetnsName(source);
    const subject = `netns '${source}'`;
    const labelled = native().labelled(source);
    if (typeof labelled !== 'number')
      return new Netns({ handle: new Fd(labelled), owned: false, name: source, subject });
    const path = pathOf(source);
    const handle = await openPath(path, subject).catch((error: NsnetError) => {
      throw error.code === 'ENOENT' ? withDetails(error, { hint: 'There is no netns of that name' }) : error;
    });
    try {
      return new Netns({ handle, owned: false, name: source, path, subject });
    } catch (error) {
      throw error instanceof NsnetError ? withDetails(error, { subject }) : error;
    }
  }

  /** The one that a process is in: a container's, by its pid. */
  static override async ofProcess(pid: number | { readonly pid: number }): Promise<Netns> {
    const handle = await openOfProcess(pid, 'net');
    const number = typeof pid === 'number' ? pid : pid.pid;
    return new Netns({ handle, owned: false, subject: `the netns of process ${number}` });
  }

  /** The one that this process is in. */
  static override async current(): Promise<Netns> {
    return new Netns({
      handle: await openPath('/proc/self/ns/net'),
      owned: false,
      subject: "this process's netns",
    });
  }

  /** Those that have a name: what `ip netns list` shows, and this process's labels. */
  static override async list({ signal }: Call = {}): Promise<NamespaceInfo[]> {
    const [names, all] = await Promise.all([pinnedNames(), listNamespaces(['net'], signal)]);
    return names.map(({ name, id, path }) => ({
      ...(all.find((info) => info.id === id) ?? { type: 'net' as const, id, pids: [] }),
      name,
      path,
    }));
  }

  /** Pins it under /run/netns/<name> as well, as `ip netns attach`; close() takes the name away again. */
  async attach(name: string, { signal }: Call = {}): Promise<void> {
    checkNetnsName(name);
    const inner = openInternals(this);
    const work = async () => {
      if (privileged()) await pin(name, inner.fd, signal);
      else label(name, inner.fd);
      this.#attached.push(name);
    };
    await inner.during(work());
  }

  /** Takes the name away, whoever gave it, as `ip netns delete`; again is no error. Who is in it stays in it. */
  async delete(): Promise<void> {
    openInternals(this);
    await this.#unname(true);
  }

  /**
   * Reads or sets a sysctl below net, in this namespace: 'net.ipv4.ip_forward', with '.' or '/' between the parts. What is
   * read is a string.
   */
  sysctl(key: string): Promise<string>;
  sysctl(key: string, value: string | number | boolean): Promise<undefined>;
  async sysctl(key: string, value?: string | number | boolean): Promise<string | undefined> {
    const inner = openInternals(this);
    if (value === undefined) return inner.during(readSysctl(inner, key));
    await inner.during(writeSysctl(inner, key, value));
    return undefined;
  }

  /**
   * ICMP echo requests to an IPv4 or IPv6 address (no host name), four if `count` does not say otherwise. Loop over it for
   * each echo, or await it for the summary.
   */
  ping(host: string, options?: PingOptions): PingRun {
    return ping(openInternals(this), host, options);
  }

  /** Disowns it, and the names that attach() gave: close() leaves them. */
  override release(): this {
    this.#attached.length = 0;
    return super.release();
  }

  override toString(): string {
    return `Netns { ${this.name === undefined ? '' : `name: '${this.name}', `}id: ${this.id} }`;
  }

  override toJSON(): unknown {
    const { type, id, name, path } = this;
    return { type, id, name, path };
  }

  protected override async dispose(owned: boolean): Promise<void> {
    await super.dispose(owned);
    await this.#unname(owned);
  }

  async #unname(own: boolean): Promise<void> {
    const names = this.#attached.splice(0).map((name) => ({ name, pinned: privileged() }));
    if (own && this.name !== undefined) names.push({ name: this.name, pinned: this.path !== undefined });
    for (const { name, pinned } of names) {
      if (pinned) await unpin(name, this.id);
      else native().unlabel(name, this.id);
    }
  }
}

/** Undoes a half-made namespace; what could not be undone is told with the error. */
async function closing(netns: Netns, error: unknown): Promise<unknown> {
  try {
    await netns.close();
    return error;
  } catch (undoing) {
    return withNotUndone(error, undoing);
  }
}
