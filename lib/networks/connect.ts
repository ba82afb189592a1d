import { type AnyNetns, internals } from '../namespaces/network.js';
import { withNotUndone } from '../syscalls/errors.js';
import { undoAll } from './all.js';
import { cable, loopbackUp, type Made, type Place } from './cable.js';
import { deleteCable } from './devices.js';
import { Endpoint } from './endpoint.js';
import type { Wish } from './endpoint-options.js';
import { openPorts } from './open-ports.js';
import type { Owner } from './owner.js';
import { type PublishedPorts, publish } from './publish.js';
import { RESOLVER, Resolver } from './resolver.js';
import { KEPT } from './state.js';
import type { OpenTarget } from './target.js';
import { namesChanged } from './view.js';

/** What an endpoint is made for. */
export interface Joining extends Omit<Place, 'target' | 'owner'> {
  /** Where ports are published and names are asked that the network does not know. */
  outer: AnyNetns;
  /** The device of `outer` by which packets come from the network. */
  device: string;
  owner: Owner;
  target: OpenTarget;
  /** Called once, when it has ended. */
  ended(endpoint: Endpoint): void;
}

/** Makes an endpoint, its names and its ports; what fails is undone. */
export async function join(joining: Joining, wish: Wish): Promise<Endpoint> {
  const { settings, owner, target, outer, host, leases, device } = joining;
  const { netns } = target;
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const network = { inner: internals(host), name: settings.name };
    const upstream = settings.internal ? {} : { upstream: internals(outer) };
    const ready = loopbackUp(internals(netns));
    const making = cable({ ...joining, target: netns, owner: owner.id }, wish);
    const resolving = wish.resolver ? Resolver.join(netns, { ...network, ...upstream }) : undefined;
    const publishing = expose(joining, wish, making);
    const [cabled, leave, ports, loopback] = await Promise.allSettled([making, resolving, publishing, ready]);
    let owned = true;
    if (cabled.status === 'fulfilled') {
      const { pair, address, address6, letGo } = cabled.value;
      namesChanged();
      undo.push(letGo, async () => {
        if (!owned) return;
        await deleteCable(pair.a);
        leases.free(address, address6);
      });
    }
    if (leave.status === 'fulfilled' && leave.value) undo.push(leave.value);
    if (ports.status === 'fulfilled' && ports.value) undo.push(ports.value.close);
    for (const result of [loopback, cabled, leave, ports])
      if (result.status === 'rejected') throw result.reason;
    const { pair, address, address6, routes } = (cabled as PromiseFulfilledResult<Made>).value;
    wish.signal?.throwIfAborted();
    const published = (ports as PromiseFulfilledResult<PublishedPorts | undefined>).value?.published ?? [];
    const endpoint: Endpoint = new Endpoint({
      network: settings.name,
      name: wish.name,
      aliases: wish.aliases,
      address,
      address6,
      gateway: routes.find((one) => !one.includes(':')),
      gateway6: routes.find((one) => one.includes(':')),
      netns,
      link: pair.b,
      hostLink: pair.a,
      published,
      resolvConf: resolving && `nameserver ${RESOLVER}\n`,
      hosts: hostsOf(wish, [address, address6]),
      keep: async () => {
        if (!pair.a.closed && !host.closed) await pair.a.set({ alias: KEPT });
      },
      end: async (isOwned) => {
        owned = isOwned;
        try {
          await undoAll(undo);
        } finally {
          await target.close();
          joining.ended(endpoint);
        }
      },
    });
    return endpoint;
  } catch (error) {
    throw await undoAll(undo).then(
      () => error,
      (undoing) => withNotUndone(error, undoing),
    );
  }
}

/** What others may reach of the endpoint that is being made. */
async function expose(
  { settings, owner, outer, host, device }: Joining,
  { publish: wanted, signal }: Wish,
  making: Promise<Made>,
): Promise<PublishedPorts | undefined> {
  if (settings.gatewayMode === 'routed' && !settings.internal) {
    const { pair, address, address6 } = await making;
    // Also where nothing is: whoever had the address before may have left something open.
    return openPorts({ host, network: settings.name, end: pair.a, address, address6 }, wanted);
  }
  if (wanted.length === 0) return undefined;
  return publish({ host: outer, owner, settings, device, addresses: making, signal }, wanted);
}

function hostsOf({ name, aliases }: Wish, addresses: readonly (string | undefined)[]): string {
  const names = [name, ...aliases].join(' ');
  return addresses.map((address) => (address === undefined ? '' : `${address}\t${names}\n`)).join('');
}
