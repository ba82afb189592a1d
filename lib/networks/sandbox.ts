import { Handle } from '../handles/handle.js';
import { Scope } from '../handles/scope.js';
import type { AnyNetns } from '../namespaces/network.js';
import { Netns } from '../netns/netns.js';
import { abortError } from '../syscalls/errors.js';
import { illegalConstructor } from '../syscalls/validate.js';
import { useDefault } from './default-network.js';
import type { Endpoint } from './endpoint.js';
import type { ConnectToOptions } from './endpoint-options.js';
import { hostOf } from './host.js';
import { type CheckedMode, checkMode, type NetworkMode, type SandboxOptions } from './mode.js';
import { Network } from './network.js';

interface Parts {
  mode: string;
  netns: AnyNetns;
  endpoint?: Endpoint;
  scope: Scope;
}

/**
 * The network side of one container, libnetwork's word: a network namespace by a mode, with what connects it. Programs are
 * started in it by `spawn(file, args, { namespaces: sandbox.namespaces })`. close() disconnects it; the programs go on.
 */
export class NetworkSandbox extends Handle {
  readonly #parts: Parts;

  /** @internal */
  constructor(parts: Parts) {
    if (!parts?.scope) throw illegalConstructor('NetworkSandbox', "NetworkSandbox.create('bridge')");
    super(true);
    this.#parts = parts;
    this.warnIfCollected(this.toString());
  }

  /**
   * Makes one, or shares another's. Options other than `netns` and `signal` are those of network.connect(), for modes with
   * a network; ERR_INVALID_ARG_VALUE with 'none', 'host' and 'container', which have no ports to publish.
   *
   * ENOENT if there is no network of that name, ESRCH if there is no such process; what connect() rejects with. What fails
   * or is aborted is undone.
   */
  static async create(mode: NetworkMode, options: SandboxOptions = {}): Promise<NetworkSandbox> {
    const checked = checkMode(mode, options);
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const scope = new Scope();
    try {
      return new NetworkSandbox({
        mode: nameOf(checked),
        scope,
        ...(await MAKE[checked.kind](checked as never, options, scope)),
      });
    } catch (error) {
      await scope[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** 'none', 'host', 'container:<pid>', or the network's name. */
  get mode(): string {
    return this.#parts.mode;
  }

  /** The network namespace. One that was made for it has `nameservers` set to its resolver. */
  get netns(): AnyNetns {
    return this.#parts.netns;
  }

  /** Its end of the network, in modes that have one. */
  get endpoint(): Endpoint | undefined {
    return this.#parts.endpoint;
  }

  /** For `namespaces` of spawn() and run(); add others: `{ ...sandbox.namespaces, uts: 'new' }`. */
  get namespaces(): { net: AnyNetns } {
    return { net: this.#parts.netns };
  }

  override toString(): string {
    const { mode, endpoint } = this.#parts;
    return `NetworkSandbox { mode: '${mode}'${endpoint ? `, ${endpoint}` : ''} }`;
  }

  override toJSON(): unknown {
    const { mode, endpoint } = this.#parts;
    return { mode, ...(endpoint && { endpoint }) };
  }

  /** Disowns: its cable stays when this is closed, as long as its network namespace does. Ports end with this process. */
  override release(): this {
    this.#parts.endpoint?.release();
    return super.release();
  }

  protected override async dispose(): Promise<void> {
    await this.#parts.scope[Symbol.asyncDispose]();
  }
}

type Made = Pick<Parts, 'netns' | 'endpoint'>;
type Make<K extends CheckedMode['kind']> = (
  mode: CheckedMode & { kind: K },
  options: SandboxOptions,
  scope: Scope,
) => Promise<Made>;

const MAKE: { [K in CheckedMode['kind']]: Make<K> } = {
  none: async (_mode, _options, scope) => ({ netns: await ownNetns(scope) }),

  host: async (_mode, options, scope) => {
    const host = await hostOf(options);
    scope.use(closing(host.close));
    return { netns: host.netns };
  },

  container: async ({ process }, _options, scope) => ({ netns: await scope.use(Netns.ofProcess(process)) }),

  bridge: async (_mode, options, scope) => {
    const host = await hostOf(options);
    scope.use(closing(host.close));
    const netns = await ownNetns(scope);
    const { used, end } = await useDefault(host, options.signal, (network) =>
      connect(network, netns, options),
    );
    scope.use(closing(end));
    return { netns, endpoint: await scope.use(used) };
  },

  network: async ({ network }, options, scope) => {
    const { netns: place, signal } = options;
    const opened =
      network instanceof Network ? network : await scope.use(Network.open(network, { netns: place, signal }));
    const netns = await ownNetns(scope);
    return { netns, endpoint: await scope.use(connect(opened, netns, options)) };
  },
};

/** As in Docker's containers, ports below 1024 are for everybody: what is started by an ordinary user has no privileges. */
async function ownNetns(scope: Scope): Promise<AnyNetns> {
  const netns = await scope.use(Netns.create());
  await netns.sysctl('net.ipv4.ip_unprivileged_port_start', 0);
  return netns;
}

function connect(
  network: Network,
  netns: AnyNetns,
  { netns: _host, ...options }: SandboxOptions,
): Promise<Endpoint> {
  return network.connect(netns, options satisfies ConnectToOptions);
}

const closing = (close: () => Promise<void>): AsyncDisposable => ({ [Symbol.asyncDispose]: close });

function nameOf(mode: CheckedMode): string {
  if (mode.kind === 'network') return mode.network instanceof Network ? mode.network.name : mode.network;
  if (mode.kind !== 'container') return mode.kind;
  return `container:${typeof mode.process === 'number' ? mode.process : mode.process.pid}`;
}
