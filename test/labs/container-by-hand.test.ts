// A container that was started without a network, wired by its pid as the commands do it, and the same commands beside it.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bridge, Netns, Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { type Container, missing, PAGE, startNginx } from './support/nginx.js';
import { told } from './support/told.js';

const why = privileged
  ? missing.length && `${missing.join(', ')} not found`
  : 'only root runs podman with --network none';

describe.skipIf(why)(`a container, wired by hand${why ? ` (${why})` : ''}`, () => {
  let container: Container;
  let host: Netns;
  let inside: Netns;
  let plainHost: Netns;
  let plainInside: Netns;
  const name = `nst-${process.pid}`;

  beforeAll(async () => {
    container = await startNginx();
    [host, plainHost, plainInside] = await Promise.all([
      Netns.create(),
      Netns.create(`${name}-host`),
      Netns.create(`${name}-inside`),
    ]);
    await Bridge.create({ netns: host, name: 'docker0', addresses: ['172.17.0.1/16'], up: true });
  }, 60_000);

  afterAll(async () => {
    for (const netns of [inside, host, plainHost, plainInside]) await netns?.close();
    await container?.remove();
  }, 60_000);

  test('has nothing but lo before', async () => {
    inside = await Netns.ofProcess(container.pid);
    const links = await inside.links.list();
    expect(links.map((link) => link.name)).toEqual(['lo']);
    const [entered] = JSON.parse(await run('nsenter', ['-t', `${container.pid}`, '-n', 'ip', '-j', 'link']));
    expect(entered.ifname).toBe('lo');
  });

  test('is wired by its pid', async () => {
    await inside.attach(String(container.pid));
    expect(await run('ip', ['netns', 'list'])).toMatch(new RegExp(`^${container.pid}\\b`, 'm'));
    const { a, b } = await Veth.create({ netns: host, name: 'A' }, { netns: host, name: 'B' });
    const docker0 = await host.links.get('docker0');
    await a.set({ master: docker0 });
    await a.up();
    await b.moveTo(inside);
    await b.set({ name: 'eth0' });
    await b.up();
    await b.addAddress('172.17.0.10/16');
    await inside.routes.add({ destination: 'default', gateway: '172.17.0.1' });
  });

  test('`ip` sees the state that the commands leave', async () => {
    const [outer, inner] = [`${name}-host`, `${name}-inside`];
    const commands = `
      ip -n ${outer} link add docker0 type bridge
      ip -n ${outer} addr add 172.17.0.1/16 dev docker0
      ip -n ${outer} link set docker0 up
      ip -n ${outer} link add A type veth peer name B
      ip -n ${outer} link set A master docker0
      ip -n ${outer} link set A up
      ip -n ${outer} link set B netns ${inner}
      ip netns exec ${inner} ip link set dev B name eth0
      ip netns exec ${inner} ip link set eth0 up
      ip netns exec ${inner} ip addr add 172.17.0.10/16 dev eth0
      ip netns exec ${inner} ip route add default via 172.17.0.1`;
    await run('sh', ['-ec', commands]);
    // Until the bridge forwards, and the addresses of IPv6 are no longer tentative, on both sides.
    const all = () => Promise.all([host, inside, plainHost, plainInside].map(told));
    const end = performance.now() + 20_000;
    let [made, entered, plain, plainEntered] = await all();
    while (
      performance.now() < end &&
      JSON.stringify([made, entered]) !== JSON.stringify([plain, plainEntered])
    ) {
      await sleep(200);
      [made, entered, plain, plainEntered] = await all();
    }
    expect(made).toEqual(plain);
    expect(entered).toEqual(plainEntered);
    expect(JSON.stringify(entered)).toContain('172.17.0.10');
  }, 30_000);

  test('nginx answers from the host: fetch, an agent of node:http, a socket', async () => {
    const response = await host.fetch('http://172.17.0.10/');
    expect(response.headers.get('server')).toMatch(/^nginx/);
    expect(await response.text()).toBe(PAGE);
    const request = get({ host: '172.17.0.10', agent: host.httpAgent() });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += chunk;
    expect(text).toBe(PAGE);
    const socket = await host.connect({ host: '172.17.0.10', port: 80 });
    socket.end('GET / HTTP/1.0\r\n\r\n');
    let raw = '';
    for await (const chunk of socket) raw += chunk;
    expect(raw).toMatch(/^HTTP\/1\.1 200 OK\r\nServer: nginx/);
  });
});
