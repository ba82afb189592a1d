// A container without a network, wired by hand: somebody else's process, known by its pid alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { Bridge, Netns, Veth, VethPair } from 'nsnet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { byHand, ipIn, parsed, runIn } from './support/inside.js';
import { comparable } from './support/printed.js';
import { expectState, stateOf } from './support/state.js';

/** Serves one page on port 80 of whatever network it is in, and says when. */
const server = `
  const { createServer } = require('node:http');
  createServer((_request, response) => response.end('served from inside')).listen(80, '0.0.0.0', () => console.log('ready'));
`;

let container: ChildProcess;

/** A process in a network of its own, with nothing but lo in it, as an engine starts it with --network=none. */
async function start(): Promise<ChildProcess> {
  const own = privileged ? [] : ['--user', '--map-root-user'];
  const child = spawn('unshare', [...own, '--net', process.execPath, '-e', server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve);
    child.once('exit', () => reject(new Error('it has ended')));
  });
  return child;
}

beforeEach(async () => {
  container = await start();
});
afterEach(async () => {
  const ended = new Promise((resolve) => container.once('close', resolve));
  container.kill('SIGKILL');
  await ended;
});

/** The host's part is played by a namespace from which the process's own can be cabled. */
async function host(of: Netns): Promise<Netns> {
  if (privileged) return Netns.create();
  // Without privileges both ends must belong to one user namespace, or one inside of the other.
  await using user = await of.owner();
  return await Netns.create({ user });
}

test('it is wired, and answers', async () => {
  await using inside = await Netns.ofProcess(container.pid as number);
  expect(inside).toMatchObject({ owned: false, name: undefined });
  expect((await inside.links.list()).map(({ name, info }) => [name, info.up])).toEqual([['lo', false]]);

  await using outside = await host(inside);
  const bridge = await Bridge.create({
    netns: outside,
    name: 'docker0',
    addresses: ['172.17.0.1/16'],
    up: true,
  });
  const { a, b } = await Veth.create({ netns: outside, name: 'A' }, { netns: outside, name: 'B' });
  await a.set({ master: bridge });
  await a.up();
  await b.moveTo(inside);
  await b.set({ name: 'eth0' });
  await b.up();
  await b.addAddress('172.17.0.10/16');
  await inside.routes.add({ destination: 'default', gateway: '172.17.0.1' });

  expect(b).toMatchObject({ name: 'eth0', netns: inside, kind: 'veth' });
  expect((await bridge.ports()).map(({ name }) => name)).toEqual(['A']);
  expect((await a.peer())?.name).toBe('eth0');
  expect(await ipIn(inside, 'route')).toMatchObject([
    { dst: 'default', gateway: '172.17.0.1', dev: 'eth0' },
    { dst: '172.17.0.0/16', dev: 'eth0', prefsrc: '172.17.0.10' },
  ]);
  await bridge.ready();
  const page = await runIn(
    outside,
    process.execPath,
    '-e',
    `fetch('http://172.17.0.10/').then((response) => response.text()).then(console.log)`,
  );
  expect(page.trim()).toBe('served from inside');
});

test('what is left is what the typed commands leave', async () => {
  await using inside = await Netns.ofProcess({ pid: container.pid as number });
  await using outside = await host(inside);
  const bridge = await Bridge.create({
    netns: outside,
    name: 'docker0',
    addresses: ['172.17.0.1/16'],
    up: true,
  });
  await using pair = await Veth.create(
    { netns: outside, name: 'A', master: bridge, up: true },
    { netns: inside, name: 'eth0', addresses: ['172.17.0.10/16'], up: true },
  );
  await inside.routes.add({ destination: 'default', gateway: '172.17.0.1' });
  await pair.b.ready();
  const show = [
    ['addr', 'show', 'dev', 'eth0'],
    ['link', 'show', 'dev', 'eth0'],
    ['route'],
    ['route', 'show', 'table', 'local', 'dev', 'eth0'],
  ];
  const made = [];
  for (const each of show) made.push(comparable(await ipIn(inside, ...each)));

  const typed = await byHand(`
    ip link set lo up
    ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up
    unshare --net sleep 60 & pid=$!
    until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
    touch /run/netns/$pid; mount --bind /proc/$pid/ns/net /run/netns/$pid
    ip link add A type veth peer name B
    ip link set A master docker0; ip link set A up
    ip link set B netns $pid
    ip netns exec $pid ip link set dev B name eth0; ip netns exec $pid ip link set eth0 up
    ip netns exec $pid ip addr add 172.17.0.10/16 dev eth0
    ip netns exec $pid ip route add default via 172.17.0.1
    until ip -n $pid link show eth0 | grep -q 'state UP'; do sleep 0.02; done
    until ! ip -n $pid -6 addr show dev eth0 tentative | grep -q inet6; do sleep 0.05; done
    ${show.map((each) => `printf '%s\\n' "$(ip -n $pid -j -d ${each.join(' ')} | tr -d '\\n')"`).join('\n')}
    kill $pid`);
  expect(made).toEqual(
    typed
      .trim()
      .split('\n')
      .map((line) => comparable(parsed(line))),
  );
});

test('when the process ends, its namespace is held until it is closed, and then the cable is gone', async () => {
  const inside = await Netns.ofProcess(container.pid as number);
  await using outside = await host(inside);
  const { a } = await Veth.create({ netns: outside, name: 'A' }, { netns: inside, name: 'B' });
  const ended = new Promise((resolve) => container.once('close', resolve));
  container.kill('SIGKILL');
  await ended;
  expect((await inside.links.list()).map(({ name }) => name)).toEqual(['lo', 'B']);
  await inside.close();
  await expect
    .poll(async () =>
      a.refresh().then(
        () => 'there',
        ({ code }) => code,
      ),
    )
    .toBe('ENODEV');
  container = await start();
});

// Kernels before 6.13 or so let it pass.
test.skipIf(privileged)(
  'a cable to a user namespace that is no relation: a typed error, and nothing left',
  async () => {
    await using inside = await Netns.ofProcess(container.pid as number);
    await using outside = await Netns.create();
    const before = await stateOf(inside, outside);
    const made = await Veth.create({ netns: outside, name: 'A' }, { netns: inside, name: 'B' }).catch(
      (e) => e,
    );
    if (made instanceof VethPair) await made.close();
    else
      expect(made).toMatchObject({
        name: 'NsnetError',
        code: 'EPERM',
        hint: expect.stringMatching(/user namespace/),
      });
    await expectState(before, 'afterwards', inside, outside);
  },
);
