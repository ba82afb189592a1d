// Much at once, and beside others who change the same things.
import { type ChildProcess, spawn } from 'node:child_process';
import { Bridge, Netns, Scope, Veth } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { runIn, shellIn } from '../netns/support/inside.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';

const route = (i: number) => ({ destination: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`, device: 1 });

describe('a hundred thousand routes', () => {
  test('are added, listed completely, read one by one, and removed', async () => {
    await using netns = await Netns.create();
    const count = scaled(100_000, 1000);
    await Promise.all(Array.from({ length: count }, (_, i) => netns.routes.add(route(i))));
    const routes = await netns.routes.list({ family: 'inet' });
    expect(routes.length).toBe(count);
    expect(new Set(routes.map(({ destination }) => destination)).size).toBe(count);
    expect(Number((await shellIn(netns, 'ip -o route | wc -l')).trim())).toBe(count);
    let seen = 0;
    for await (const each of netns.routes.list({ family: 'inet' })) {
      if (each.device !== 'lo') throw new Error(JSON.stringify(each));
      seen++;
    }
    expect(seen).toBe(count);
    await Promise.all(routes.map((each) => netns.routes.delete(each)));
    expect(await netns.routes.list()).toEqual([]);
  });
});

describe('beside a program that changes the same', () => {
  /** Adds and removes links until it is ended. */
  async function churning(netns: Netns, script: string): Promise<ChildProcess> {
    const enter = privileged
      ? ['--net=/proc/self/fd/3']
      : ['--user=/proc/self/fd/4', '--preserve-credentials', '--net=/proc/self/fd/3'];
    await using owner = privileged ? undefined : await netns.owner();
    const fds = owner ? [netns.fd, owner.fd] : [netns.fd];
    return spawn('nsenter', [...enter, 'sh', '-c', `while :; do ${script}; done`], {
      stdio: ['ignore', 'ignore', 'ignore', ...fds],
    });
  }
  const end = async (child: ChildProcess) => {
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
  };

  test('listings are whole: what stays is in each', async () => {
    await using netns = await Netns.create();
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => Veth.create({ netns, name: `a${i}` }, { netns, name: `b${i}` })),
    );
    const child = await churning(netns, 'ip link add churn type bridge; ip link del churn');
    try {
      let churned = 0;
      const lasting = ['lo', ...Array.from({ length: 100 }, (_, i) => [`b${i}`, `a${i}`]).flat()].sort();
      for (let i = 0; i < scaled(100, 5); i++) {
        const names = (await netns.links.list()).map(({ name }) => name);
        if (names.includes('churn')) churned++;
        expect(names.filter((name) => name !== 'churn').sort()).toEqual(lasting);
      }
      expect(churned).toBeGreaterThanOrEqual(0);
    } finally {
      await end(child);
    }
  });

  test('routes: what stays is in each listing', async () => {
    await using netns = await Netns.create();
    const count = scaled(5000, 100);
    await Promise.all(Array.from({ length: count }, (_, i) => netns.routes.add(route(i))));
    const child = await churning(netns, 'ip route add 192.168.0.0/24 dev lo; ip route del 192.168.0.0/24');
    try {
      for (let i = 0; i < scaled(30, 3); i++) {
        const routes = await netns.routes.list({ family: 'inet' });
        const ours = routes.filter(({ destination }) => destination.startsWith('10.'));
        expect(ours.length).toBe(count);
      }
    } finally {
      await end(child);
    }
  });

  test('names that come and go: an error or a success, never another’s link', async () => {
    await using netns = await Netns.create();
    const bystander = await Bridge.create({ netns, name: 'bystander' });
    const child = await churning(netns, 'ip link add churn type bridge; ip link del churn');
    try {
      for (let i = 0; i < scaled(300, 10); i++) {
        const outcome = await netns.addresses.add({ device: 'churn', address: '10.0.0.1/24' }).then(
          () => 'done',
          ({ code }) => code,
        );
        expect(outcome).toMatch(/^(done|ENODEV|EEXIST)$/);
      }
      expect(await netns.addresses.list({ device: bystander })).toEqual([]);
    } finally {
      await end(child);
    }
  });
});

describe('fifty namespaces at once', () => {
  test('fifty operations in each, all at the same time', async () => {
    await using scope = new Scope();
    const namespaces = await Promise.all(Array.from({ length: 50 }, () => scope.use(Netns.create())));
    expect(new Set(namespaces.map(({ id }) => id)).size).toBe(50);
    await Promise.all(
      namespaces.map(async (netns, n) => {
        const work = [
          Bridge.create({ netns, name: `br${n}`, up: true, addresses: [`10.${n}.0.1/24`] }),
          ...Array.from({ length: 45 }, (_, i) =>
            netns.routes.add({ destination: `10.100.${i}.0/24`, device: 'lo', metric: n + 1 }),
          ),
          netns.links.list().then(),
          netns.sysctl('net.ipv4.ip_default_ttl', 64 + n),
        ];
        await Promise.all(work);
        expect(await netns.sysctl('net.ipv4.ip_default_ttl')).toBe(String(64 + n));
        const routes = await netns.routes.list({ family: 'inet', metric: n + 1 });
        expect(routes.filter(({ destination }) => destination.startsWith('10.100.')).length).toBe(45);
      }),
    );
    // One of them, seen by somebody else.
    const [first, last] = [namespaces[0] as Netns, namespaces[49] as Netns];
    expect(await runIn(first, 'ip', '-br', 'link')).toContain('br0');
    expect(await runIn(last, 'ip', '-br', 'link')).toContain('br49');
  });

  test('made, cabled to their neighbours and closed at once', async () => {
    await using scope = new Scope();
    const ring = await Promise.all(Array.from({ length: 20 }, () => scope.use(Netns.create())));
    const cables = await Promise.all(
      ring.map((netns, i) =>
        Veth.create(
          { netns, name: 'next' },
          { netns: ring[(i + 1) % ring.length] as Netns, name: 'previous' },
        ),
      ),
    );
    for (const { a, b } of cables) expect(await a.peer()).toMatchObject({ name: 'previous', netns: b.netns });
    await Promise.all(cables.map((cable) => cable.close()));
    for (const netns of ring) expect((await netns.links.list()).length).toBe(1);
  });
});
