import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { deleteDevice } from './devices.js';
import { forgetAddresses } from './flows.js';
import { stopForwarding } from './forwarding.js';
import { deleteRules } from './rules.js';
import type { EndpointState, NetworkState } from './state.js';

/** Removes an endpoint whoever made it, and what is remembered of it. */
export async function deleteEndpoint(inner: Internals, endpoint: EndpointState): Promise<void> {
  await deleteDevice(inner, endpoint.index, endpoint.device);
  await forgetAddresses(inner, endpoint.addresses);
}

/**
 * Removes what there is of a network: endpoints, what was turned on for it, its device, and its rules last, so that
 * nothing is ever without them. Again finds nothing to do.
 */
export async function removeNetwork(netns: AnyNetns, network: NetworkState): Promise<void> {
  const inner = openInternals(netns);
  const { name } = network.settings;
  await Promise.all([
    ...network.endpoints.map((endpoint) => deleteEndpoint(inner, endpoint)),
    ...network.ways.map(({ index, device }) => deleteDevice(inner, index, device)),
  ]);
  await stopForwarding(inner, network);
  await deleteDevice(inner, network.index, network.device);
  await deleteRules(netns, name);
}
