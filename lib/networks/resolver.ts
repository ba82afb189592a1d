import { literal } from '../names/literal.js';
import { Names } from '../names/names.js';
import { type NameServer, serveNames } from '../names/server.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { NsnetError } from '../syscalls/errors.js';
import type { EndpointState } from './state.js';
import { NetworksView } from './view.js';

/** Where containers expect it, as Docker has it. */
export const RESOLVER = '127.0.0.11';

/** A network that a namespace is connected to. */
interface Connected {
  /** Where the network's device is. */
  inner: Internals;
  name: string;
  /** Where what the network does not know is asked; absent of internal ones, which nothing leaves (CVE-2024-29018). */
  upstream?: Internals;
}

/** One that has joined: by which object of its namespace. */
interface Member extends Connected {
  target: Internals;
}

/** The resolvers of this program, by the namespace that they are in. */
const resolvers = new Map<number, Promise<Resolver>>();

/** Answers names in one namespace, from what the kernel says of the networks that it is connected to. */
export class Resolver {
  readonly #id: number;
  readonly #networks: Member[] = [];
  /** Objects whose `nameservers` it has set. */
  readonly #told = new Set<Internals>();
  #server: NameServer | undefined;
  /** The namespace object that the server is closed with. */
  #holder: Internals;
  #moving: Promise<void> | undefined;
  #made: Promise<Resolver> | undefined;

  private constructor(holder: Internals) {
    this.#id = holder.id;
    this.#holder = holder;
  }

  /** Has it answer for one more network; the function takes that back, and the last one ends it. */
  static async join(target: AnyNetns, network: Connected): Promise<() => Promise<void>> {
    const inner = openInternals(target);
    for (;;) {
      let made = resolvers.get(inner.id);
      if (!made) {
        made = Resolver.#start(inner);
        resolvers.set(inner.id, made);
        made.catch(() => resolvers.delete(inner.id));
      }
      const resolver = await made;
      resolver.#made = made;
      await resolver.#moving?.catch(() => {});
      if (!resolver.#server?.closed) {
        const member = { ...network, target: inner };
        resolver.#networks.push(member);
        await resolver.#tell(inner);
        return () => resolver.#leave(member);
      }
      // Its namespace object was closed, and the number may be another namespace's by now.
      if (resolvers.get(inner.id) === made) resolvers.delete(inner.id);
    }
  }

  static async #start(inner: Internals): Promise<Resolver> {
    const resolver = new Resolver(inner);
    await resolver.#serve(inner);
    return resolver;
  }

  async #serve(inner: Internals): Promise<void> {
    const upstream = () => this.#networks.find((one) => one.upstream)?.upstream;
    this.#holder = inner;
    this.#server = await serveNames(inner, {
      answer: (name, family) => this.#answer(name, family),
      reverse: (ip) => this.#reverse(ip),
      forward: {
        get from() {
          return upstream() ?? inner;
        },
        nameservers: () => this.#nameservers(),
      },
      // Whoever is asked next may be somebody else.
      ttl: 0,
    }).catch((error: NsnetError) => {
      const hint = `Another nameserver is there already, of another process perhaps: connect with \`resolver: false\``;
      if (error.code !== 'EADDRINUSE') throw error;
      const { syscall, subject } = error;
      throw new NsnetError('EADDRINUSE', 'address already in use', { syscall, subject, hint });
    });
  }

  /** Has an object of the namespace ask it, too, unless its user or a file of its own says whom to ask. */
  async #tell(target: Internals): Promise<void> {
    const names = Names.of(target);
    if ((await names.hasOwnNameservers()) || !this.#networks.some((one) => one.target === target)) return;
    names.nameservers = [RESOLVER];
    this.#told.add(target);
  }

  #untell(target: Internals): void {
    if (this.#networks.some((one) => one.target === target) || !this.#told.delete(target)) return;
    const names = Names.of(target);
    if (names.nameservers.join() === RESOLVER) names.nameservers = [];
  }

  async #leave(member: Member): Promise<void> {
    this.#networks.splice(this.#networks.indexOf(member), 1);
    this.#untell(member.target);
    const next = this.#networks.find(({ target }) => target !== member.target);
    if (this.#networks.length === 0) {
      if (resolvers.get(this.#id) === this.#made) resolvers.delete(this.#id);
      await this.#server?.close();
    } else if (member.target === this.#holder && next) {
      // It would end with the object that is let go of.
      this.#moving = this.#move(next.target).finally(() => {
        this.#moving = undefined;
      });
      await this.#moving;
    }
  }

  async #move(to: Internals): Promise<void> {
    await this.#server?.close();
    await this.#serve(to);
  }

  async #answer(name: string, family: 4 | 6): Promise<string[] | undefined> {
    const found = await this.#find((endpoint, network) => {
      const names = [endpoint.name ?? '', ...endpoint.aliases].map((one) => one.toLowerCase());
      const wanted = name.toLowerCase().replace(/\.$/, '');
      return names.some((one) => one === wanted || `${one}.${network.toLowerCase()}` === wanted);
    });
    if (found.length === 0) return undefined;
    return found.flatMap(({ endpoint }) =>
      endpoint.addresses.filter((one) => literal(one)?.family === family),
    );
  }

  async #reverse(ip: string): Promise<string[] | undefined> {
    const found = await this.#find((endpoint) => endpoint.addresses.includes(ip));
    return found.length === 0
      ? undefined
      : found.map(({ endpoint, network }) => `${endpoint.name}.${network}`);
  }

  async #find(
    fits: (endpoint: EndpointState, network: string) => boolean,
  ): Promise<{ endpoint: EndpointState; network: string }[]> {
    // It may be connected to one twice.
    const networks = [...new Map(this.#networks.map((one) => [`${one.inner.id} ${one.name}`, one])).values()];
    const states = await Promise.all(networks.map(({ inner }) => NetworksView.of(inner).read()));
    return networks.flatMap(({ name: network }, i) => {
      const state = states[i]?.networks.find(({ settings }) => settings.name === network);
      const endpoints = (state?.endpoints ?? []).filter(
        (one) => one.name !== undefined && fits(one, network),
      );
      return endpoints.map((endpoint) => ({ endpoint, network }));
    });
  }

  async #nameservers() {
    const upstream = this.#networks.find((one) => one.upstream)?.upstream;
    return upstream ? (await Names.of(upstream).settings()).nameservers : [];
  }
}
