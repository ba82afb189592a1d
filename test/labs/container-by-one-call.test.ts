// A container that was started without a network gets one by its pid in one call, and the commands of the lab beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns, Network, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { differences } from './support/differences.js';
import { type Container, missing, PAGE, startNginx } from './support/nginx.js';
import { HOST, reach, type Site, siteIn } from './support/site.js';
import { told } from './support/told.js';

const why = privileged
  ? missing.length && `${missing.join(', ')} not found`
  : 'only root runs podman with --network none';

/** The settings and reservations in the kernel, the group by which networks are apart, and ports that are used from within. */
const ADDED = [
  'links.0.group: "default", "1853058676"',
  String.raw`links.0.ifalias: nothing, "{\"o\":\"…\",\"s\":\"172.17.0.0/16\",\"g\":\"172.17.0.1\"}"`,
  'links.0.altnames: nothing, ["nsnet:mynet","nsnet-subnet:172.17.0.0/16"]',
  'links.1.group: "default", "1853058676"',
  'links.1.linkinfo.info_slave_data.hairpin: false, true',
  'links.1.altnames: nothing, ["nsnet:mynet:n:web","nsnet:mynet:a:172.17.0.10"]',
];

describe.skipIf(why)(`a container, connected by one call${why ? ` (${why})` : ''}`, () => {
  const scope = new Scope();
  let container: Container;
  let site: Site;
  let network: Network;

  beforeAll(async () => {
    container = await startNginx();
    site = await siteIn(scope);
    const place = { netns: site.host, bridge: 'docker0', subnet: '172.17.0.0/16' };
    network = await scope.use(Network.create({ name: 'mynet', ...place }));
  }, 60_000);

  afterAll(async () => {
    await scope[Symbol.asyncDispose]();
    await container?.remove();
  }, 60_000);

  test('nginx answers on the LAN, on the host, and on the network', async () => {
    const endpoint = await network.connect(container.pid, { name: 'web', publish: ['8888:80'] });
    expect(endpoint.address).toBe('172.17.0.2');
    const response = await site.lan.fetch(`http://${HOST.lan}:8888/`);
    expect(response.headers.get('server')).toMatch(/^nginx/);
    expect(await response.text()).toBe(PAGE);
    for (const url of ['http://127.0.0.1:8888/', `http://${HOST.lan}:8888/`, 'http://172.17.0.2/']) {
      expect(await (await site.host.fetch(url)).text(), url).toBe(PAGE);
    }
    await endpoint.close();
    expect(await reach(site.lan, HOST.lan, 8888)).toBe('ECONNREFUSED');
  });

  test('leaves what the commands leave, and what makes it nsnet’s', async () => {
    await using endpoint = await network.connect(container.pid, { name: 'web', address: '172.17.0.10' });
    const name = `nst-${process.pid}`;
    await using outer = await Netns.create(`${name}-host`);
    await using inner = await Netns.create(`${name}-inside`);
    const port = endpoint.hostLink.name;
    await run('sh', [
      '-ec',
      `
      ip -n ${outer.name} link add docker0 type bridge
      ip -n ${outer.name} addr add 172.17.0.1/16 dev docker0
      ip -n ${outer.name} link set docker0 up
      ip -n ${outer.name} link add ${port} type veth peer name B
      ip -n ${outer.name} link set ${port} master docker0
      ip -n ${outer.name} link set ${port} up
      ip -n ${outer.name} link set B netns ${inner.name}
      ip netns exec ${inner.name} ip link set dev B name eth0
      ip netns exec ${inner.name} ip link set eth0 up
      ip netns exec ${inner.name} ip addr add 172.17.0.10/16 dev eth0
      ip netns exec ${inner.name} ip route add default via 172.17.0.1`,
    ]);
    await using inside = await Netns.ofProcess(container.pid);
    const devices = ({ links, addresses, routes }: Awaited<ReturnType<typeof told>>) => ({
      links: byName(links, ['docker0', port, 'eth0']),
      addresses: byName(addresses, ['docker0', port, 'eth0']).map(({ addr_info }) =>
        addr_info.filter(({ family }: { family: string }) => family === 'inet'),
      ),
      routes: routes.filter(({ dev }) => ['docker0', 'eth0'].includes(dev)),
    });
    const end = performance.now() + 20_000;
    const compare = async () => [
      differences(devices(await told(outer)), devices(await told(site.host))),
      differences(devices(await told(inner)), devices(await told(inside))),
    ];
    // Bridges have no carrier until a port has come up.
    let [around, within] = await compare();
    while (performance.now() < end && (around?.length !== ADDED.length || within?.length !== 0)) {
      await sleep(200);
      [around, within] = await compare();
    }
    expect(within).toEqual([]);
    expect(around?.map((line) => line.replace(/(o\\":\\")\w+/, '$1…'))).toEqual(ADDED);
  }, 30_000);
});

/** Of what `ip` lists, these, in this order. */
function byName<T extends { ifname?: string }>(list: T[], names: string[]): T[] {
  return names.flatMap((name) => list.find(({ ifname }) => ifname === name) ?? []);
}
