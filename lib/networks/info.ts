import type { GatewayMode, Settings } from './options.js';
import type { EndpointState, NetworkState } from './state.js';

/** An endpoint as everybody can read it. */
export interface EndpointInfo {
  name: string;
  aliases: string[];
  address?: string;
  address6?: string;
  /** The host end of its cable. */
  device: string;
}

/** A network as everybody can read it. */
export interface NetworkInfo {
  name: string;
  driver: 'bridge' | 'vxlan';
  /** The bridge's name. */
  device: string;
  subnet?: string;
  gateway?: string;
  subnet6?: string;
  gateway6?: string;
  range?: string;
  mtu: number;
  internal: boolean;
  isolated: boolean;
  icc: boolean;
  masquerade: boolean;
  gatewayMode: GatewayMode;
  /** By address. */
  endpoints: EndpointInfo[];
}

export function infoOf({ settings, device, mtu, endpoints }: NetworkState): NetworkInfo {
  const { name, driver, subnet, gateway, subnet6, gateway6, range, range6: _range6, ...flags } = settings;
  const { internal, isolated, icc, masquerade, gatewayMode } = flags;
  return {
    name,
    driver,
    device,
    ...(subnet && { subnet: String(subnet) }),
    ...(gateway !== undefined && { gateway }),
    ...(subnet6 && { subnet6: String(subnet6) }),
    ...(gateway6 !== undefined && { gateway6 }),
    ...(range && { range: String(range) }),
    mtu,
    internal,
    isolated,
    icc,
    masquerade,
    gatewayMode,
    endpoints: endpoints
      .filter((endpoint) => endpoint.name !== undefined)
      .sort(byAddress(settings))
      .map(endpointInfo),
  };
}

export function endpointInfo({ name = '', aliases, addresses, device }: EndpointState): EndpointInfo {
  const info: EndpointInfo = { name, aliases, device };
  for (const address of addresses) info[address.includes(':') ? 'address6' : 'address'] = address;
  return info;
}

function byAddress({ subnet, subnet6 }: Settings) {
  const placeOf = ({ addresses }: EndpointState): bigint => {
    const [first] = addresses;
    const own = first?.includes(':') ? subnet6 : subnet;
    return (first !== undefined && own?.placeOf(first)) || 0n;
  };
  return (a: EndpointState, b: EndpointState) => {
    const difference = placeOf(a) - placeOf(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  };
}
