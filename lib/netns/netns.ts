import type { Socket as DatagramSocket } from 'node:dgram';
import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { Server, Socket } from 'node:net';
import { type Capture, type CaptureOptions, capture } from '../capture/index.js';
import type { Call } from '../handles/listing.js';
import type { Change } from '../handles/view.js';
import { rememberName } from '../links/devices.js';
import { hookOf, type LookupHook } from '../names/hook.js';
import { Names } from '../names/names.js';
import type { ResolvedRecords, ResolvedType } from '../names/record.js';
import { resolve, reverse } from '../names/resolve.js';
import { privileged } from '../namespaces/credentials.js';
import { listNamed } from '../namespaces/list.js';
import { checkNetnsName, label, nameOf, pathOf, pin, unpin } from '../namespaces/names.js';
import {
  checkWatch,
  type NamespaceInfo,
  type NamespaceSource,
  type NamespaceWatchOptions,
} from '../namespaces/namespace.js';
import { internals, openInternals } from '../namespaces/network.js';
import { openOfProcess, openPath, openSource } from '../namespaces/open.js';
import { identity, watchNamespaces } from '../namespaces/watch.js';
import type { run } from '../processes/run.js';
import type { spawn } from '../processes/spawn.js';
import { type ConnectOptions, connect } from '../sockets/connect.js';
import { type DatagramOptions, datagram } from '../sockets/datagram.js';
import { lazyFetch, type NetnsFetch } from '../sockets/fetch.js';
import {
  type HttpAgentOptions,
  type HttpsAgentOptions,
  NetnsHttpAgent,
  NetnsHttpsAgent,
} from '../sockets/http-agent.js';
import { type ListenOptions, listen } from '../sockets/listen.js';
import type { Listener } from '../sockets/listener.js';
import { type PacketOptions, packet } from '../sockets/packet.js';
import type { PacketSocket } from '../sockets/packet-socket.js';
import { type PingOptions, type PingRun, ping } from '../sockets/ping.js';
import { type RawOptions, raw } from '../sockets/raw.js';
import type { RawSocket } from '../sockets/raw-socket.js';
import { type TracerouteOptions, type TracerouteRun, traceroute } from '../sockets/traceroute.js';
import { abortError, NsnetError, withDetails, withNotUndone } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkKeys, checkObject, checkSignal, illegalConstructor } from '../syscalls/validate.js';
import { checkNetnsOptions, makeNetns, type NetnsOptions } from './create.js';
import { programsIn } from './exec.js';
import { readSysctl, writeSysctl } from './sysctl.js';
import { TabledNamespace } from './tables.js';

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
export class Netns extends TabledNamespace {
  /** As pinned under /run/netns, or a label in this process where there is no `path`. */
  readonly name?: string;
  /** '/run/netns/<name>' if it is pinned there. */
  readonly path?: string;
  readonly #lookup: LookupHook;
  readonly #fetch: NetnsFetch;
  readonly #programs = programsIn(this);
  /** Names that close() takes away. */
  readonly #attached: string[] = [];

  private constructor(parts: Parts) {
    // Private to TypeScript alone.
    if (!(parts?.handle instanceof Fd)) throw illegalConstructor('Netns', 'Netns.create()');
    const { handle, owned, name, path, route, subject } = parts;
    super(handle, owned, subject, route);
    if (name !== undefined) this.name = name;
    if (path !== undefined) this.path = path;
    const inner = internals(this);
    const names = Names.of(inner, path);
    names.connect = connect;
    this.#lookup = hookOf(inner);
    this.#fetch = lazyFetch(inner, () => this.closed);
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

  /**
   * Those that have a name: what `ip netns list` shows, and this process's labels; once for each name. Without those
   * that have none, which `Namespace.list({ type: 'net' })` has, too.
   */
  static override async list(options: Call = {}): Promise<NamespaceInfo[]> {
    checkObject('options', options);
    checkKeys('options', options, ['signal']);
    checkSignal(options.signal);
    return listNamed(options.signal);
  }

  /** What list() gives, and then what comes, goes and changes, as Namespace.watch(). */
  static override watch(
    options: Omit<NamespaceWatchOptions, 'type'> = {},
  ): AsyncIterableIterator<Change<NamespaceInfo>> {
    const { interval, ...rest } = checkWatch(options);
    const keyOf = (info: NamespaceInfo) => `${identity(info)} ${info.name}`;
    return watchNamespaces(() => listNamed(rest.signal), keyOf, interval, rest);
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
   * ICMP echo requests to an IPv4 or IPv6 address, or a host name that is looked up inside; four if `count` does not say
   * otherwise. Loop over it for each echo, or await it for the summary.
   */
  ping(host: string, options?: PingOptions): PingRun {
    return ping(openInternals(this), host, options);
  }

  /** The routers on the way to a host, as `traceroute -I`. Loop over it for each hop, or await it for all of them. */
  traceroute(host: string, options?: TracerouteOptions): TracerouteRun {
    return traceroute(openInternals(this), host, options);
  }

  /** Has a server of node:net, http, https, http2 or tls listen in this namespace: see ListenOptions. */
  async listen(server: Server, options?: ListenOptions): Promise<Listener> {
    const inner = openInternals(this);
    return inner.during(listen(inner, server, options));
  }

  /** A TCP connection from inside this namespace, as a net.Socket that is connected already. */
  async connect(options: ConnectOptions): Promise<Socket> {
    return connect(openInternals(this), options);
  }

  /** A UDP socket inside this namespace as a dgram.Socket, bound already. */
  async datagram(type: 'udp4' | 'udp6', options?: DatagramOptions): Promise<DatagramSocket> {
    const inner = openInternals(this);
    return inner.during(datagram(inner, type, options));
  }

  /** A raw socket: IP packets of one protocol, as they are on the wire. */
  async raw(options: RawOptions): Promise<RawSocket> {
    const inner = openInternals(this);
    return inner.during(raw(inner, options));
  }

  /** A packet socket: whole frames of one link, or of all. */
  async packet(options?: PacketOptions): Promise<PacketSocket> {
    const inner = openInternals(this);
    return inner.during(packet(inner, options));
  }

  /** An agent of node:http whose connections begin in this namespace; a new one each time, destroyed by close(). */
  httpAgent(options?: HttpAgentOptions): HttpAgent {
    return new NetnsHttpAgent(openInternals(this), options);
  }

  /** The same of node:https. */
  httpsAgent(options?: HttpsAgentOptions): HttpsAgent {
    return new NetnsHttpsAgent(openInternals(this), options);
  }

  /** fetch() whose connections begin in this namespace, and whose names are resolved in it. Needs undici 7. */
  get fetch(): NetnsFetch {
    return this.#fetch;
  }

  /**
   * Resolves names as this namespace sees them, in the place of dns.lookup: for the `lookup` option of net.connect(),
   * http.request(), dgram.createSocket() and what is built on them. `hosts` is asked first, then /etc/netns/<name>/hosts,
   * then nameservers, from inside; never this process's own resolver.
   */
  get lookup(): LookupHook {
    return this.#lookup;
  }

  /**
   * Addresses by host name, in memory: 'web' → '10.0.0.2', or several in an array; none in an empty one. Asked first; kept
   * apart from other objects of the same namespace. Names are compared without regard to case. Values are checked when
   * they are used.
   */
  get hosts(): Map<string, string | string[]> {
    return Names.of(internals(this)).hosts;
  }

  /**
   * Nameservers to be asked instead of those of files: '10.0.0.1', '10.0.0.1:5353', '[fd00::1]:5353', 'fe80::1%eth0'. Always
   * asked from inside. Empty by default: then those of /etc/netns/<name>/resolv.conf, else of /etc/resolv.conf. Where there
   * are neither these nor that file of its own, network.connect() sets '127.0.0.11' while it is connected. Setting it throws
   * ERR_INVALID_ARG_TYPE or ERR_INVALID_ARG_VALUE for what is none, and changes nothing.
   */
  get nameservers(): string[] {
    return Names.of(internals(this)).nameservers;
  }

  set nameservers(value: string[]) {
    Names.of(internals(this)).nameservers = value;
  }

  /**
   * The records of a name by nameservers, asked from inside: what dns.promises.resolve() gives for that type. `hosts` and
   * the search list play no part. Rejects with Node's codes: ENOTFOUND, ENODATA, ESERVFAIL, ETIMEOUT, ECONNREFUSED ….
   */
  resolve(hostname: string): Promise<string[]>;
  resolve<T extends ResolvedType>(hostname: string, rrtype: T, options?: Call): Promise<ResolvedRecords[T]>;
  async resolve(hostname: string, rrtype: ResolvedType = 'A', options?: Call): Promise<unknown> {
    return resolve(openInternals(this), hostname, rrtype, options);
  }

  /** The names of an IP address, as dns.promises.reverse(): by `hosts`, /etc/netns/<name>/hosts, then nameservers. */
  async reverse(ip: string, options?: Call): Promise<string[]> {
    return reverse(openInternals(this), ip, options);
  }

  /**
   * spawn(), of a program that is in this namespace and sees what `ip netns exec` shows: in a mount namespace of its own
   * a /sys of this namespace, what is in /etc/netns/<name>/ in the place of its counterparts in /etc, and `hosts` in
   * /etc/hosts, `nameservers` in /etc/resolv.conf. `namespaces` has no `net` then. With a `root`, or another's mount
   * namespace, files are theirs. Rejects with EPERM where another /sys is forbidden, ERR_NSNET_CLOSED after close().
   * ip-netns(8).
   */
  get spawn(): typeof spawn {
    return this.#programs.spawn;
  }

  /** run(), of such a program. */
  get run(): typeof run {
    return this.#programs.run;
  }

  /** Catches the packets that pass through it, from now on: to loop over, or into a pcapng file. */
  capture(options?: CaptureOptions): Capture {
    return capture(openInternals(this), options);
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
