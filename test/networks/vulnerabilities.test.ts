// What has gone wrong in other implementations, and must not in this one.
import { Network } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { shellIn } from '../netns/support/inside.js';
import { ATTACKS } from './oracle/attacks.js';
import { Nsnet } from './oracle/nsnet.js';
import {
  advertiseFromContainer,
  reachByRoute,
  reachFromOtherNetwork,
  reachLocalhost,
  reachLocalhostFromContainer,
  type Scene,
  withScene,
} from './support/attacks.js';
import { ask, closing } from './support/echo.js';
import { HOST, INTERNET, Stage } from './support/stage.js';

test.each(ATTACKS)('$name', async ({ publish, run, before, withstood }) => {
  expect(await withScene(new Nsnet(), publish, run, before)).toEqual(withstood);
});

// The same from one container to another where both have IPv6, which Docker leaves to the containers.
test('CVE-2020-10749: router advertisements of a container, to its siblings with IPv6', async () => {
  await using stage = await Stage.create();
  await using side = new Nsnet();
  const name = 'app6';
  const inet6 = { subnet6: 'fd00:c:1::/64', gateway6: 'fd00:c:1::1' };
  const inet = { subnet: '172.18.0.0/16', gateway: '172.18.0.1' };
  for (const container of ['a', 'b']) await stage.container(container);
  await side.build(stage, { name, bridge: 'br-app', ...inet, ...inet6 });
  for (const container of ['a', 'b']) await side.connect(stage, name, container);
  expect(await advertiseFromContainer({ stage, side, a: '' }, ['host', 'a'])).toEqual([]);
});

// CNI looked for a plugin by a path that it made of a name without looking at it: '../../usr/bin/reboot' was run as root.
describe('CVE-2021-20206: names that walk paths', () => {
  const NAMES = ['../../etc/passwd', '..', '.', 'a/b', '/app', 'app\0', '', ' ', 'app\n', 'a'.repeat(300)];

  test.each(NAMES)('a network named %j', async (name) => {
    await using stage = await Stage.create();
    const options = { bridge: 'br-app', subnet: '172.18.0.0/16', gateway: '172.18.0.1' };
    await expect(Network.create({ ...options, name, netns: stage.host })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect((await stage.host.links.list()).map((link) => link.name).sort()).toEqual(['eth0', 'lo']);
  });

  test.each(NAMES)('a container named %j', async (name) => {
    await using stage = await Stage.create();
    const inner = await stage.container('a');
    const options = { name: 'app', bridge: 'br-app', subnet: '172.18.0.0/16', gateway: '172.18.0.1' };
    await using network = await Network.create({ ...options, netns: stage.host });
    await expect(network.connect(inner, { name })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect((await inner.links.list()).map((link) => link.name)).toEqual(['lo']);
  });
});

// dockerd asked the host's resolver on 127.0.0.53 in the host's name for whoever was in an internal network, too: what a
// container put into names it asked for left the host.
describe('CVE-2024-29018: names that leave an internal network', () => {
  /** The questions that reach a nameserver of the internet when a container asks for a name of there. */
  async function asked(internal: boolean): Promise<number> {
    await using stage = await Stage.create();
    await using side = new Nsnet();
    const nameserver = await stage.internet.datagram('udp4', { bind: { port: 53 } });
    await using _ = closing(nameserver);
    let questions = 0;
    nameserver.on('message', () => questions++);
    stage.host.nameservers = [INTERNET];
    const inner = await stage.container('a');
    const options = { name: 'app', bridge: 'br-app', subnet: '172.18.0.0/16', gateway: '172.18.0.1' };
    await side.build(stage, { ...options, internal });
    await side.connect(stage, 'app', 'a');
    inner.nameservers = ['127.0.0.11'];
    const signal = AbortSignal.timeout(5_000);
    await inner.resolve('secret.example.com', 'A', { signal }).catch(() => {});
    return questions;
  }

  test('none does', async () => {
    expect(await asked(true)).toBe(0);
  });

  test('from another network they do', async () => {
    expect(await asked(false)).toBeGreaterThan(0);
  });
});

// A firewall that is loaded anew takes away what others have put into the kernel. What is gone must come back, and whatever
// is not there yet must not open what was closed.
describe('CVE-2025-54388, CVE-2025-54410: a firewall is flushed', () => {
  const FLUSHES = [
    'nft flush ruleset',
    'iptables -F; iptables -t nat -F; iptables -t raw -F; iptables -X; ip6tables -F; ip6tables -X',
  ];

  test.each(FLUSHES)('%s', async (flush) => {
    await withScene(new Nsnet(), ['127.0.0.1:8080:80'], async (scene: Scene) => {
      await shellIn(scene.stage.host, flush);
      const attacks = () =>
        Promise.all([reachByRoute(scene), reachFromOtherNetwork(scene), reachLocalhost(scene, 8080)]);
      await expect.poll(attacks, { timeout: 20_000 }).toEqual([[], [], []]);
    });
  });

  test.each(FLUSHES)('a published port afterwards: %s', async (flush) => {
    await withScene(new Nsnet(), ['8080:80'], async ({ stage }) => {
      await shellIn(stage.host, flush);
      const answer = () => ask(stage.lan, 'tcp', HOST, 8080);
      await expect.poll(answer, { timeout: 20_000 }).toMatchObject({ name: 'a' });
    });
  });
});

// Kubernetes' proxy turns it on for every device, and Docker without its own.
test.each(['tcp', 'udp'] as const)(
  'CVE-2020-8558: route_localnet that somebody else has turned on: %s',
  async (transport) => {
    const publish = [`127.0.0.1:8080:80/${transport}`];
    await withScene(new Nsnet(), publish, async (scene) => {
      const { host } = scene.stage;
      for (const link of (await host.links.list()).map(({ name }) => name))
        await host.sysctl(`net.ipv4.conf.${link}.route_localnet`, 1);
      expect(await reachLocalhost(scene, 8080, transport)).toEqual([]);
      expect(await reachLocalhostFromContainer(scene, 8080, transport)).toEqual([]);
      expect((await ask(host, transport, '127.0.0.1', 8080))?.name).toBe('a');
    });
  },
);
