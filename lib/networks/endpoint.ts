import { Handle } from '../handles/handle.js';
import type { Veth } from '../links/veth.js';
import type { AnyNetns } from '../namespaces/network.js';
import { illegalConstructor } from '../syscalls/validate.js';
import type { Published } from './published.js';

/** What an endpoint is made from. */
export interface EndpointParts {
  network: string;
  name: string;
  aliases: string[];
  address?: string;
  address6?: string;
  gateway?: string;
  gateway6?: string;
  netns: AnyNetns;
  link: Veth;
  hostLink: Veth;
  published: Published[];
  /** The line of a resolv.conf. */
  resolvConf?: string;
  hosts: string;
  /** Undoes it; `owned` is whether its cable goes, too. */
  end(owned: boolean): Promise<void>;
  keep(): Promise<void>;
}

/** One end of a network: a device in a container, a Netns or the namespace of a process. */
export class Endpoint extends Handle {
  readonly #parts: EndpointParts;
  #kept: Promise<void> | undefined;

  /** @internal */
  constructor(parts: EndpointParts) {
    if (!parts?.link) throw illegalConstructor('Endpoint', 'network.connect(netns)');
    super(true);
    this.#parts = parts;
  }

  /** The network's name. */
  get network(): string {
    return this.#parts.network;
  }

  /** What others on the network reach it by. */
  get name(): string {
    return this.#parts.name;
  }

  get aliases(): string[] {
    return [...this.#parts.aliases];
  }

  /** IPv4, without prefix length: '172.17.0.2'; '' in a network that has none. */
  get address(): string {
    return this.#parts.address ?? '';
  }

  /** IPv6, of a network that has it. */
  get address6(): string | undefined {
    return this.#parts.address6;
  }

  /** Its default route's, unless it had one already. */
  get gateway(): string | undefined {
    return this.#parts.gateway;
  }

  get gateway6(): string | undefined {
    return this.#parts.gateway6;
  }

  /** The namespace that it is in. */
  get netns(): AnyNetns {
    return this.#parts.netns;
  }

  /** Its device: eth0, or the next name that was free. */
  get link(): Veth {
    return this.#parts.link;
  }

  /** The other end of the cable, a port of the network's bridge. */
  get hostLink(): Veth {
    return this.#parts.hostLink;
  }

  /** What the host passes on, with the ports that were chosen. */
  get published(): Published[] {
    return this.#parts.published.map((one) => ({ ...one }));
  }

  /** The line for its /etc/resolv.conf: 'nameserver 127.0.0.11'; undefined without a resolver. */
  get resolvConf(): string | undefined {
    return this.#parts.resolvConf;
  }

  /** Text for its /etc/hosts. Nobody's files are written. */
  get hosts(): string {
    return this.#parts.hosts;
  }

  override toString(): string {
    const { network, name, address, address6 } = this.#parts;
    return `Endpoint { network: '${network}', name: '${name}', ${[address, address6].filter(Boolean).join(', ')} }`;
  }

  override toJSON(): unknown {
    const { network, name, aliases, address, address6, published } = this.#parts;
    return { network, name, aliases, address, address6, published };
  }

  /**
   * Disowns: the cable stays when this is closed, and after this process. Ports and the resolver are of this process, and
   * end with it.
   */
  override release(): this {
    if (this.owned && !this.closed) {
      this.#kept = this.#parts.keep();
      // Told by close().
      this.#kept.catch(() => {});
    }
    return super.release();
  }

  protected override async dispose(owned: boolean): Promise<void> {
    await this.#kept;
    await this.#parts.end(owned);
  }
}
