import { Connection } from '../netlink/connection.js';
import { NETLINK } from '../netlink/constants.js';
import { openNetlink } from '../netlink/socket.js';
import { closedError, type ErrorDetails, type NsnetError, withDetails } from '../syscalls/errors.js';
import type { Inside } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { openSocket, openSockets, type SocketKind } from '../syscalls/sockets.js';
import { invalidType } from '../syscalls/validate.js';
import { capable } from './credentials.js';
import { Namespace } from './namespace.js';
import { type Way, wayInto } from './way.js';

/** What Netns is, for the rooms below it: lib/netns fills this in, so that `link.netns` has its full type. */
// biome-ignore lint/suspicious/noEmptyInterface: filled in by declaration merging
export interface Registered {}

/** Netns, as those below see it. */
export type AnyNetns = Registered extends { netns: infer N extends NetworkNamespace } ? N : NetworkNamespace;

/** What links and sockets need of the network namespace they are in. */
export interface Internals {
  readonly fd: Fd;
  /** Inode number. */
  readonly id: number;
  /** For errors: "netns 'test1'". */
  readonly subject: string;
  /** Its rtnetlink socket, opened when first used. */
  readonly route: Connection;
  /** The way in, for what must be made inside. */
  inside(): Inside;
  /** A socket that is in this namespace, and stays there. */
  socket(domain: number, type: number, protocol: number): Promise<Fd>;
  /** Several in one go; fewer where there is no room for so many. */
  sockets(kind: SocketKind, count: number): Promise<Fd[]>;
  /** Has `end` called when the namespace object is closed; the function returned takes that back. */
  keep(end: () => Promise<void> | void): () => void;
  /** Work that needs the namespace's descriptor: close() waits for it. */
  readonly during: <T>(work: Promise<T>) => Promise<T>;
  /** Remembers what is dear to ask: the names of devices, for a moment. */
  readonly memory: Map<unknown, unknown>;
}

let access: (netns: NetworkNamespace) => Internals;

let lastClose = Number.NEGATIVE_INFINITY;

/** Whether a namespace was closed here within the last so many milliseconds: the kernel may not be done with it. */
export function closedWithin(milliseconds: number): boolean {
  return performance.now() - lastClose < milliseconds;
}

const live = new Set<WeakRef<NetworkNamespace>>();

/** The base of Netns: a network namespace with its netlink connection and a way in. */
export abstract class NetworkNamespace extends Namespace<'net'> {
  readonly #internals: Internals;
  readonly #ends = new Set<() => Promise<void> | void>();
  readonly #works = new Set<Promise<unknown>>();
  readonly #self = new WeakRef<NetworkNamespace>(this);
  #way: Way | undefined;

  static {
    access = (netns) => netns.#internals;
  }

  protected constructor(handle: Fd, owned: boolean, subject: string, routeSocket?: Fd) {
    super(handle, owned, 'net');
    const inside = () => {
      if (this.handle.closed) throw closedError(subject);
      this.#way ??= wayInto(this.handle);
      return this.#way.inside;
    };
    const route = new Connection(
      async () => openNetlink(inside(), NETLINK.ROUTE, subject).catch(refuse),
      subject,
      routeSocket,
    );
    const refuse = (error: NsnetError) => {
      throw withDetails(error, { subject, ...enterHint(error) });
    };
    this.#internals = {
      fd: handle,
      id: this.id,
      subject,
      route,
      inside,
      sockets: async (kind, count) => openSockets(inside(), kind, count, { subject }).catch(refuse),
      socket: async (...kind) => openSocket(inside(), kind, { subject }).catch(refuse),
      keep: (end) => {
        if (this.closed) throw closedError(subject);
        this.#ends.add(end);
        return () => this.#ends.delete(end);
      },
      during: (work) => {
        const settled: Promise<unknown> = work.then(
          () => this.#works.delete(settled),
          () => this.#works.delete(settled),
        );
        this.#works.add(settled);
        return work;
      },
      memory: new Map(),
    };
    live.add(this.#self);
  }

  /** Ends what was opened through it, lets what was issued settle, then drops the descriptors. */
  protected override async dispose(owned: boolean): Promise<void> {
    lastClose = performance.now();
    live.delete(this.#self);
    for (const end of [...this.#ends]) await end();
    await Promise.all(this.#works);
    await this.#internals.route.close();
    await this.#way?.owner?.close();
    await super.dispose(owned);
  }
}

function enterHint({ code, syscall }: NsnetError): ErrorDetails {
  if (code !== 'EPERM' || syscall !== 'setns' || capable('SYS_ADMIN')) return {};
  return { hint: 'Entering it needs CAP_SYS_ADMIN in the user namespace that owns it' };
}

/** The inner side of a Netns. Throws ERR_INVALID_ARG_TYPE for anything else. */
export function internals(netns: unknown, name = 'netns'): Internals {
  try {
    return access(netns as NetworkNamespace);
  } catch {
    throw invalidType(name, 'a Netns', netns);
  }
}

/** The same, of one that is open. */
export function openInternals(netns: unknown, name = 'netns'): Internals {
  const inner = internals(netns, name);
  if ((netns as NetworkNamespace).closed) throw closedError(inner.subject);
  return inner;
}

/** The network namespaces that this thread holds open. */
export function* liveNamespaces(): Generator<NetworkNamespace, void, undefined> {
  for (const ref of live) {
    const netns = ref.deref();
    if (netns === undefined) live.delete(ref);
    else if (!netns.closed) yield netns;
  }
}
