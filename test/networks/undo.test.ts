// Networks and endpoints that are made half: nothing is left of them.
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { INJECTED, intervening } from '../netns/support/faults.js';
import { shellIn } from '../netns/support/inside.js';
import { failure } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { containers, expectSeen, hostOnLan, Peer, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let one: Netns;
let two: Netns;
let before: Seen;
let bare: Seen;

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
  [one, two] = (await containers(scope, 2)) as [Netns, Netns];
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  [before, bare] = await Promise.all([seen(host), seen(one)]);
});
afterEach(async () => {
  await expectSeen(host, before, 'the host');
  await expectSeen(one, bare, 'the container');
});

const subnets = { subnet: '10.1.0.0/24', subnet6: 'fd01::/64' };
const make = (signal?: AbortSignal) => Network.create({ netns: host, name: 'mynet', ...subnets, signal });
const all = { name: 'web', aliases: ['www'], publish: ['8080:80', '8080:80/udp'] };

describe('create', () => {
  test('each step fails', async () => {
    await (await make()).close();
    let failed = 0;
    for (let step = 1; ; step++) {
      const { outcome, steps } = await intervening(
        (_, count) => (count === step ? 'fail' : undefined),
        () => make(),
      );
      if (outcome.status === 'fulfilled') await outcome.value.close();
      else if (![...INJECTED, 'EINVAL'].includes(outcome.reason.code)) throw outcome.reason;
      else failed++;
      if (steps.length < step) break;
      await expectSeen(host, before, `step ${step} of ${steps.length}: ${steps[step - 1]}`);
    }
    expect(failed).toBeGreaterThan(8);
  }, 240_000);

  test('aborted at any moment', async () => {
    let aborted = 0;
    for (let i = 0; i < scaled(30, 4); i++) {
      const controller = new AbortController();
      const making = make(controller.signal);
      if (i > 0) await sleep(Math.random() * 25);
      controller.abort();
      const made = await making.catch((error) => error);
      if (made instanceof Network) await made.close();
      else {
        expect(made.name).toBe('AbortError');
        aborted++;
      }
    }
    expect(aborted).toBeGreaterThan(0);
    const gone = AbortSignal.abort();
    for (const refused of [
      make(gone),
      Network.open('x', { netns: host, signal: gone }),
      Network.list({ netns: host, signal: gone }),
      Network.gc({ netns: host, signal: gone }),
    ])
      expect(await failure(refused)).toMatchObject({ name: 'AbortError' });
  });

  test('the bridge is deleted by somebody meanwhile', async () => {
    for (let i = 0; i < scaled(6, 2); i++) {
      const making = make().catch((error) => error);
      await sleep(i * 3);
      await shellIn(host, 'ip link del dev nsnet:mynet || true');
      const made = await making;
      if (made instanceof Network) {
        // It was deleted too early, or afterwards.
        await made.close();
      } else expect(made).toMatchObject({ name: 'NsnetError' });
      await shellIn(
        host,
        'sysctl -qw net.ipv4.conf.eth0.forwarding=0; sysctl -qew net.ipv6.conf.eth0.force_forwarding=0',
      );
      await Network.gc({ netns: host });
    }
  });
});

describe('connect', () => {
  test('each step fails', async () => {
    await using network = await make();
    await (await network.connect(one, all)).close();
    const idle = await seen(host);
    let failed = 0;
    for (let step = 1; ; step++) {
      const { outcome, steps } = await intervening(
        (_, count) => (count === step ? 'fail' : undefined),
        () => network.connect(one, all),
      );
      if (outcome.status === 'fulfilled') await outcome.value.close();
      else failed++;
      if (steps.length < step) break;
      await expectSeen(host, idle, `step ${step} of ${steps.length}: ${steps[step - 1]}`);
      await expectSeen(one, bare, `step ${step} of ${steps.length}: ${steps[step - 1]}`);
    }
    expect(failed).toBeGreaterThan(8);
  }, 240_000);

  test('aborted at any moment', async () => {
    await using network = await make();
    let aborted = 0;
    for (let i = 0; i < scaled(40, 4); i++) {
      const controller = new AbortController();
      const connecting = network.connect(one, { ...all, signal: controller.signal });
      if (i > 0) await sleep(Math.random() * 25);
      controller.abort();
      const made = await connecting.catch((error) => error);
      if (made instanceof Error) {
        expect(made.name).toBe('AbortError');
        aborted++;
        expect((await network.inspect()).endpoints).toEqual([]);
        expect(await one.links.list()).toHaveLength(1);
      } else await made.close();
    }
    expect(aborted).toBeGreaterThan(0);
  });

  test('what is taken: a name, an address, a port, of each protocol', async () => {
    await using network = await make();
    await using there = await network.connect(two, { ...all, address: '10.1.0.9' });
    const during = await seen(host);
    for (const [options, code] of [
      [{ name: 'web' }, 'EEXIST'],
      [{ address: '10.1.0.9' }, 'EADDRINUSE'],
      [{ address6: there.address6 }, 'EADDRINUSE'],
      [{ publish: ['9090:90', '8080:80'] }, 'EADDRINUSE'],
      [{ publish: ['9090:90', '127.0.0.1:8080:80/udp'] }, 'EADDRINUSE'],
      [{ publish: ['9090:90', '192.0.2.99:91:91'] }, 'EADDRNOTAVAIL'],
    ] as const) {
      const refused = network.connect(one, { name: 'x', ...options } as never);
      expect(await failure(refused), JSON.stringify(options)).toMatchObject({ name: 'NsnetError', code });
      await expectSeen(host, during);
    }
  });

  test('the container is closed meanwhile', async () => {
    await using network = await make();
    for (let i = 0; i < scaled(20, 3); i++) {
      const target = await Netns.create();
      const connecting = network.connect(target, all).catch((error) => error);
      await sleep(Math.random() * 20);
      await target.close();
      const made = await connecting;
      if (made instanceof Error) expect(made).toMatchObject({ name: 'NsnetError' });
      else await made.close();
      for (let j = 0; j < 200 && (await host.links.list()).length > 3; j++) await sleep(10);
    }
  });

  test('the bridge is deleted by somebody, before or meanwhile', async () => {
    for (let i = 0; i < scaled(6, 2); i++) {
      const network = await make();
      const connecting = network.connect(one, all).catch((error) => error);
      await sleep(i * 3);
      await shellIn(host, 'ip link del dev nsnet:mynet');
      const made = await connecting;
      if (made instanceof Error) expect(made).toMatchObject({ name: 'NsnetError' });
      else await made.close();
      expect(await failure(network.connect(one))).toMatchObject({ name: 'NsnetError' });
      await network.close();
      await Network.gc({ netns: host });
      await shellIn(
        host,
        'sysctl -qw net.ipv4.conf.eth0.forwarding=0; sysctl -qew net.ipv6.conf.eth0.force_forwarding=0',
      );
    }
  });

  test('the network is removed by another process meanwhile', async () => {
    await using peer = await Peer.start(host);
    for (let i = 0; i < scaled(6, 2); i++) {
      const network = await make();
      await peer.do('open', 'mynet');
      const connecting = network.connect(one, all).catch((error) => error);
      const removing = peer.do('remove', 'mynet', { force: true });
      const made = await connecting;
      await removing;
      if (made instanceof Error) expect(made).toMatchObject({ name: 'NsnetError' });
      else await made.close();
      await network.close();
      await peer.do('close', 'mynet');
    }
  });
});
