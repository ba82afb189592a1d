import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import type { Link } from '../links/link.js';
import { type AnyNetns, internals, openInternals } from '../namespaces/network.js';
import { abortError, closedError, withNotUndone } from '../syscalls/errors.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  illegalConstructor,
  invalidValue,
} from '../syscalls/validate.js';
import { adviceOf } from './advice.js';
import { join } from './connect.js';
import type { Endpoint } from './endpoint.js';
import { type ConnectToOptions, checkConnect } from './endpoint-options.js';
import { type Collected, collect } from './gc.js';
import { type Host, hostOf } from './host.js';
import { infoOf, type NetworkInfo } from './info.js';
import { Leases } from './leases.js';
import { makeNetwork, subjectOf, withSubnet } from './make.js';
import { checkEndpointName, checkNetworkName } from './names.js';
import {
  type Care,
  checkNetworkOptions,
  checkPlace,
  type NetworkOptions,
  type NetworkPlace,
  type Settings,
} from './options.js';
import { overlaySettings } from './overlay.js';
import { Owner } from './owner.js';
import { checkUsers, noEndpoint, notThere, ofOneProcess } from './refusals.js';
import { deleteEndpoint, removeNetwork } from './remove.js';
import { type MadeNetwork, makeRouted } from './routed.js';
import type { Router } from './router.js';
import { deleteRules } from './rules.js';
import { encodeSettings } from './settings.js';
import { type HostState, type NetworkState, readState } from './state.js';
import { type NetworkTarget, openTarget } from './target.js';
import { Upkeep } from './upkeep.js';

/** What a Network is made from. */
interface Parts extends MadeNetwork {
  host: Host;
  owner: Owner;
  owned: boolean;
  warnings: string[];
}

/**
 * A network of containers, as `docker network` has them: a bridge, its subnet, and rules. It is the kernel's: every
 * process that opens it by its name has the same one. What this object made is removed by close(); what was made by a
 * process that was killed, by `Network.gc()`.
 */
export class Network extends Handle {
  readonly #host: Host;
  readonly #router: Router | undefined;
  /** Where its bridge is: the host, or a router of its own. */
  readonly #place: Pick<Host, 'netns' | 'inner'>;
  readonly #owner: Owner;
  readonly #settings: Settings;
  readonly #bridge: Link;
  readonly #leases: Leases;
  readonly #endpoints = new Set<Endpoint>();
  readonly #works = new Set<Promise<unknown>>();
  readonly #warnings: string[];
  #removed = false;
  readonly #upkeep: Upkeep;
  #removing: Promise<void> | undefined;

  /** @internal */
  constructor(parts: Parts) {
    if (!parts?.settings) throw illegalConstructor('Network', "Network.create({ name: 'mynet' })");
    super(parts.owned);
    this.#host = parts.host;
    this.#router = parts.router;
    this.#place = parts.router
      ? { netns: parts.router.netns, inner: openInternals(parts.router.netns) }
      : parts.host;
    this.#owner = parts.owner;
    this.#settings = parts.settings;
    this.#bridge = parts.bridge;
    this.#warnings = parts.warnings;
    this.#upkeep = new Upkeep({
      ...parts,
      owner: parts.owner.id,
      isThere: async () =>
        !this.closed && !this.#removed && this.#find(await readState(this.#host.inner)) !== undefined,
    });
    this.#leases = new Leases(this.#place.inner, async () => (await this.#state())[0]);
    this.warnIfCollected(this.toString());
  }

  /**
   * Makes a network. EEXIST if there is one of that name in the namespace, or one with these addresses; EPERM without
   * CAP_NET_ADMIN there. What others' rules would keep from it is in `warnings`.
   */
  static async create(options: NetworkOptions): Promise<Network> {
    const checked = checkNetworkOptions(options);
    const asked = options.driver === 'vxlan' ? overlaySettings(options, checked) : checked;
    if (options.signal?.aborted) throw abortError(options.signal);
    const host = await hostOf(options);
    let owner: Owner | undefined;
    try {
      owner = await Owner.take(host.inner);
      const site = { netns: host.netns, inner: host.inner, owner: owner.id };
      const make = async (settings: Settings): Promise<MadeNetwork> =>
        options.router
          ? makeRouted(site, options, settings)
          : { settings, bridge: await makeNetwork(site, options, settings) };
      const made = await withSubnet(site, asked, make, options.signal);
      const network = new Network({ host, owner, ...made, owned: true, warnings: [] });
      const { settings } = made;
      const { name } = made.router?.uplink ?? made.bridge;
      try {
        if ((options.repair ?? true) && !made.router) await network.#upkeep.start();
        if (!settings.internal) network.#warnings.push(...(await adviceOf(host.netns, name)));
        if (options.signal?.aborted) throw abortError(options.signal);
        return network;
      } catch (error) {
        // That lets go of the owner, too.
        owner = undefined;
        throw await closed(network, error);
      }
    } catch (error) {
      await owner?.letGo();
      await host.close();
      throw error;
    }
  }

  /** The network of that name, whoever made it; ENOENT if there is none. */
  static async open(name: string, place: NetworkPlace & Care = {}): Promise<Network> {
    checkNetworkName(name);
    checkPlace(place, ['repair']);
    if (place.repair !== undefined) checkBoolean('repair', place.repair);
    const host = await hostOf(place);
    let owner: Owner | undefined;
    try {
      const found = find(await readState(host.inner, place.signal), name, host);
      if (found.router) throw ofOneProcess(name, host.inner);
      owner = await Owner.take(host.inner);
      const bridge = (await host.netns.links.get(found.index)) as Link;
      const network = new Network({
        host,
        owner,
        settings: found.settings,
        bridge,
        owned: false,
        warnings: [],
      });
      try {
        if (place.repair ?? true) await network.#upkeep.start();
        return network;
      } catch (error) {
        owner = undefined;
        throw await closed(network, error);
      }
    } catch (error) {
      await owner?.letGo();
      await host.close();
      throw error;
    }
  }

  /** The networks of a namespace, by name. Plain data. */
  static async list(place: NetworkPlace = {}): Promise<NetworkInfo[]> {
    checkPlace(place);
    const host = await hostOf(place);
    try {
      const { networks } = await readState(host.inner, place.signal);
      return networks.map(infoOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    } finally {
      await host.close();
    }
  }

  /**
   * Removes what processes have left that were killed, and nothing else: networks that they made, unless somebody uses
   * them, endpoints, and rules of networks that are gone.
   */
  static async gc(place: NetworkPlace = {}): Promise<Collected> {
    checkPlace(place);
    const host = await hostOf(place);
    try {
      return await collect(host.netns, place.signal);
    } finally {
      await host.close();
    }
  }

  get name(): string {
    return this.#settings.name;
  }

  get driver(): 'bridge' | 'vxlan' {
    return this.#settings.driver;
  }

  /** '172.17.0.0/16'. */
  get subnet(): string | undefined {
    return this.#settings.subnet?.toString();
  }

  /** The bridge's address; undefined of an isolated network. */
  get gateway(): string | undefined {
    return this.#settings.gateway;
  }

  get subnet6(): string | undefined {
    return this.#settings.subnet6?.toString();
  }

  get gateway6(): string | undefined {
    return this.#settings.gateway6;
  }

  /** The namespace that plays the host. */
  get netns(): AnyNetns {
    return this.#host.netns;
  }

  /** Its device. */
  get bridge(): Link {
    return this.#bridge;
  }

  /** What stood in its way when it was made, each with the rule to add: others' chains that drop what they do not know. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** As the kernel has it now; ENOENT when it is gone. */
  async inspect(options: Call = {}): Promise<NetworkInfo> {
    checkObject('options', options);
    const { signal } = options;
    checkSignal(signal);
    return this.#during(async () => infoOf((await this.#state(signal))[0]));
  }

  /**
   * Gives a namespace, also a process's or a container's, a device of the network with an address, a default route, names
   * and ports. What fails or is aborted is undone.
   *
   * EADDRINUSE for an address or a port of the host that is taken, EADDRNOTAVAIL where no address is left, EEXIST for a
   * name that an endpoint of the network has.
   */
  async connect(target: NetworkTarget, options: ConnectToOptions = {}): Promise<Endpoint> {
    return this.#during(async () => {
      const wish = checkConnect(options, this.#settings);
      if (wish.signal?.aborted) throw abortError(wish.signal);
      const opened = await openTarget(target);
      const { netns } = this.#place;
      const bridge = this.#bridge;
      try {
        // Its default route would lead to itself: a container that shares the host's network, say.
        const { id } = internals(opened.netns);
        if (id === this.#place.inner.id || id === this.#host.inner.id)
          throw invalidValue(
            'target',
            `another namespace than the one that plays the host of ${this.#subject},`,
            target,
          );
        const endpoint = await join(
          {
            host: netns,
            outer: this.#host.netns,
            bridge,
            device: (this.#router?.uplink ?? bridge).name,
            mtu: bridge.info.mtu,
            settings: this.#settings,
            owner: this.#owner,
            leases: this.#leases,
            target: opened,
            ended: (one) => this.#endpoints.delete(one),
          },
          wish,
        );
        this.#endpoints.add(endpoint);
        return endpoint;
      } catch (error) {
        await opened.close();
        throw error;
      }
    });
  }

  /** Takes an endpoint off, whoever made it; ENOENT if there is none of that name. */
  async disconnect(name: string, options: Call = {}): Promise<void> {
    checkEndpointName(name);
    checkObject('options', options);
    const { signal } = options;
    checkSignal(signal);
    await this.#during(async () => {
      const own = [...this.#endpoints].find((endpoint) => endpoint.name === name);
      if (own) return own.close();
      const [state] = await this.#state(signal);
      const found = state.endpoints.find((endpoint) => endpoint.name === name);
      if (!found) throw noEndpoint(name, this.#subject, state);
      await deleteEndpoint(this.#place.inner, found);
      this.#leases.forget();
    });
  }

  /** Puts its rules back, and what it turned on, if somebody has taken them away, as `nft flush ruleset` does. */
  async repair(): Promise<void> {
    await this.#during(async () => {
      // Nobody else can take away what belongs to a socket.
      if (this.#router) return;
      await this.#state();
      await this.#upkeep.repair();
    });
  }

  /**
   * Removes it, whoever made it; again is no error. EBUSY while something is connected to it that this object has not
   * connected; `force` takes that off, too.
   */
  async remove(options: Call & { force?: boolean } = {}): Promise<void> {
    checkObject('options', options);
    checkKeys('options', options, ['force', 'signal']);
    const { force = false, signal } = options;
    checkBoolean('force', force);
    checkSignal(signal);
    while (this.#removing) await this.#removing.catch(() => {});
    if (this.#removed) return;
    const settled = Promise.all(this.#works);
    const removing = this.#during(async () => {
      // What is being connected would be left over.
      await settled;
      await this.#remove(force, signal);
    });
    this.#removing = removing;
    try {
      await removing;
    } finally {
      this.#removing = undefined;
    }
  }

  override toString(): string {
    const { name, subnet, subnet6 } = this.#settings;
    return `Network { name: '${name}', ${[subnet, subnet6].filter(Boolean).join(', ')}, ${this.#host.inner.subject} }`;
  }

  override toJSON(): unknown {
    const { name, driver, subnet, gateway, subnet6, gateway6 } = this;
    return { name, driver, subnet, gateway, subnet6, gateway6 };
  }

  protected override async dispose(owned: boolean): Promise<void> {
    await Promise.all(this.#works);
    const { netns } = this.#host;
    if (owned && !this.#removed && !netns.closed) await this.#remove(false);
    await this.#upkeep.stop();
    await this.#endEndpoints();
    if (!netns.closed) {
      if (!owned) await this.#disowned;
      if (this.#router && !this.#removed) await this.#router.close();
    } else if (owned && !netns.owned) throw closedError(this.#host.inner.subject);
    await this.#owner.letGo();
    await this.#host.close();
  }

  get #subject(): string {
    return subjectOf(this.name, this.#host.inner);
  }

  #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed || this.#removed || this.#removing) return Promise.reject(closedError(this.#subject));
    const working = this.#host.inner.during(work());
    const settled: Promise<unknown> = working.then(
      () => this.#works.delete(settled),
      () => this.#works.delete(settled),
    );
    this.#works.add(settled);
    return working;
  }

  async #state(signal?: AbortSignal): Promise<[NetworkState, HostState]> {
    const { inner } = this.#place;
    const state = await readState(inner, signal);
    const found = this.#find(state);
    if (!found) throw notThere(state, this.name, inner);
    return [found, state];
  }

  /** Not another one of its name, which somebody has made when this one was gone. */
  #find({ networks }: HostState): NetworkState | undefined {
    return networks.find(
      ({ index, settings }) => index === this.#bridge.index && settings.name === this.name,
    );
  }

  /** What this object connected goes with it. */
  async #endEndpoints(): Promise<void> {
    await Promise.all([...this.#endpoints].map((endpoint) => endpoint.close()));
  }

  async #remove(force: boolean, signal?: AbortSignal): Promise<void> {
    const { inner } = this.#place;
    // First of all: what is refused changes nothing.
    if (!force) checkUsers(this.#subject, this.#find(await readState(inner, signal)), this.#endpoints);
    const { running } = this.#upkeep;
    await this.#upkeep.stop();
    try {
      await this.#endEndpoints();
      const found = this.#find(await readState(inner, signal));
      if (!force) checkUsers(this.#subject, found, this.#endpoints);
      if (this.#router) await this.#router.close();
      else if (found) await removeNetwork(this.#host.netns, found);
      else await deleteRules(this.#host.netns, this.name);
    } catch (error) {
      if (running) await this.#upkeep.start().catch(() => {});
      throw error;
    }
    this.#removed = true;
  }

  /** From now on nobody owns it: gc() leaves it. */
  async #disown(): Promise<void> {
    await this.#bridge.set({ alias: encodeSettings(this.#settings, undefined) });
  }

  #disowned: Promise<void> | undefined;

  /**
   * Disowns it: it stays when this object is closed, and after this process; gc() leaves it. Not one with `router: true`,
   * which goes with this process.
   */
  override release(): this {
    if (this.owned && !this.#router && !this.closed) {
      this.#disowned = this.#during(() => this.#disown());
      // Told by close().
      this.#disowned.catch(() => {});
    }
    return super.release();
  }

  /** @internal Lets go of it as if it had only been opened: gc() removes it once nobody uses it. */
  leave(): this {
    return super.release();
  }
}

/** Closes what was half made; the error, with what could not be undone. */
function closed(network: Network, error: unknown): Promise<unknown> {
  return network.close().then(
    () => error,
    (undoing) => withNotUndone(error, undoing),
  );
}

function find(state: HostState, name: string, { inner }: Pick<Host, 'inner'>): NetworkState {
  const found = state.networks.find(({ settings }) => settings.name === name);
  if (!found) throw notThere(state, name, inner);
  return found;
}
