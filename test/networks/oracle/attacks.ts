// The attacks that every side must withstand, and the side that does not.
import {
  advertiseFromContainer,
  askForeignAddress,
  askReservedPort,
  localnetRouted,
  reachByRoute,
  reachFromOtherNetwork,
  reachLocalhost,
  reachLocalhostFromContainer,
  reservePort,
  type Scene,
  serveLocalhost,
  unexpectedAddresses,
} from '../support/attacks.js';
import type { Stage } from '../support/stage.js';
import type { Docker } from './docker/docker.js';
import { First, Flushed, ForAnyAddress, WithIPv6, WithoutRaw, WithRouteLocalnet } from './docker/weak.js';

export interface Attack {
  name: string;
  publish: string[];
  /** Before there are networks. */
  before?: (stage: Stage) => Promise<void>;
  run(scene: Scene): Promise<string[]>;
  /** What run() gives where it fails, as it should. */
  withstood: string[];
  /** Who does not withstand it, and what run() gives then. */
  weak: new () => Docker;
  achieved: string[];
}

const LOCAL = ['127.0.0.1:8080:80'];
const PUBLIC = ['8080:80'];
const SERVICE = 9001;

async function reachService(
  scene: Scene,
  reach: (scene: Scene, port: number) => Promise<string[]>,
): Promise<string[]> {
  await using _ = await serveLocalhost(scene, SERVICE);
  return await reach(scene, SERVICE);
}

export const ATTACKS: readonly Attack[] = [
  {
    // CNI's portmap put its rules before all others, and took what more specific rules had given to somebody else.
    name: 'CVE-2019-9946: a published port takes what another rule has given away',
    publish: PUBLIC,
    before: reservePort,
    run: askReservedPort,
    withstood: ['host', 'a'],
    weak: First,
    achieved: ['a', 'a'],
  },
  {
    // A container with CAP_NET_RAW became the host's IPv6 router by advertising itself: the bridge accepted it.
    name: 'CVE-2020-10749, CVE-2020-13401: router advertisements of a container',
    publish: PUBLIC,
    run: (scene) => advertiseFromContainer(scene, ['host', 'a']),
    withstood: [],
    weak: WithIPv6,
    achieved: [
      'host: address',
      'host: route to default',
      'host: route to fd00:bad::/64',
      'a: address',
      'a: route to default',
      'a: route to fd00:bad::/64',
    ],
  },
  {
    // CNI's portmap with nftables caught connections to any address, not the host's own alone.
    name: 'CVE-2025-67499: a published port answers for foreign addresses',
    publish: PUBLIC,
    run: askForeignAddress,
    withstood: [],
    weak: ForAnyAddress,
    achieved: ['a'],
  },
  {
    // Docker 26.0.0 left IPv6 on, with link-local addresses at least, in networks without IPv6.
    name: 'CVE-2024-32473: IPv6 in a network without it',
    publish: PUBLIC,
    run: async (scene) => (await unexpectedAddresses(scene)).map((address) => address.slice(0, 6)),
    withstood: [],
    weak: WithIPv6,
    achieved: ['fe80::'],
  },
  {
    // firewalld's reload removed the rules that keep others out; Docker made the rest anew, but not these.
    name: 'CVE-2025-54388: a container reached by a route through the host',
    publish: LOCAL,
    run: reachByRoute,
    withstood: [],
    weak: Flushed,
    achieved: ['a', 'a'],
  },
  {
    // The same, of the rules between networks.
    name: 'CVE-2025-54410: a container reached from another network',
    publish: LOCAL,
    run: reachFromOtherNetwork,
    withstood: [],
    weak: Flushed,
    achieved: ['a', 'a'],
  },
  {
    // A packet for 127.0.0.1, put on the wire by hand, was translated to the container's address before it was looked at.
    name: 'moby#41872: a port published on 127.0.0.1 reached by a crafted packet',
    publish: LOCAL,
    run: (scene) => reachLocalhost(scene, 8080),
    withstood: [],
    weak: WithoutRaw,
    achieved: ['a'],
  },
  {
    // The forward rule of a port that is published on 127.0.0.1 let in whoever knew the container's address.
    name: 'moby#45610: a port published on 127.0.0.1 reached by a route through the host',
    publish: LOCAL,
    run: reachByRoute,
    withstood: [],
    weak: WithoutRaw,
    achieved: ['a'],
  },
  {
    // route_localnet, set for the sake of published ports, showed the host's services on 127.0.0.1 to the LAN.
    name: 'CVE-2020-8558: a service of the host on 127.0.0.1, from the LAN',
    publish: PUBLIC,
    run: (scene) => reachService(scene, reachLocalhost),
    withstood: [],
    weak: WithRouteLocalnet,
    achieved: ['host'],
  },
  {
    // The same from a container, whose packets come in by the bridge.
    name: 'CVE-2020-8558: a service of the host on 127.0.0.1, from a container',
    publish: PUBLIC,
    run: (scene) => reachService(scene, reachLocalhostFromContainer),
    withstood: [],
    weak: WithRouteLocalnet,
    achieved: ['host'],
  },
  {
    // What made both possible.
    name: 'CVE-2020-8558: route_localnet',
    publish: LOCAL,
    run: localnetRouted,
    withstood: [],
    weak: WithRouteLocalnet,
    achieved: ['eth0', 'br-app', 'br-other'],
  },
];
