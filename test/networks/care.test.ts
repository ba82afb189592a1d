// What others do to the rules of a host: chains that drop, rulesets that are flushed.
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Changes, type Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { shellIn } from '../netns/support/inside.js';
import { containers, expectSeen, hostOnLan, LAN, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let lan: Netns;
let web: Netns;
let before: Seen;

beforeAll(async () => {
  ({ host, lan } = await hostOnLan(scope));
  [web] = (await containers(scope, 1)) as [Netns];
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = await seen(host);
});
afterEach(() => expectSeen(host, before));

const rules = () => shellIn(host, 'nft -s list table inet nsnet-mynet 2>&1 || true');
const create = (options = {}) =>
  Network.create({ name: 'mynet', netns: host, bridge: 'br-mine', ...options });

describe("a forward chain of somebody else's that drops", () => {
  test.each([
    [
      'nft add table ip filter; nft "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"',
      'ip filter',
      'iptables -I FORWARD',
    ],
    [
      'nft add table inet fw; nft "add chain inet fw passing { type filter hook forward priority 0; policy drop; }"',
      'inet fw',
      'nft insert rule inet fw passing',
    ],
  ])('is told of, and what is told helps: %s', async (command, table, cure) => {
    await shellIn(host, command);
    const network = await create();
    const [warning, ...more] = network.warnings;
    expect(more).toEqual([]);
    expect(warning).toContain(table);
    expect(warning).toContain(cure);
    const endpoint = await network.connect(web);
    const heard = async () => (await web.ping(LAN.machine.inet, { count: 1, timeout: 500 })).received;
    expect(await heard()).toBe(0);
    // The rule that is told, as it stands there.
    if (cure.startsWith('nft')) {
      await shellIn(host, (warning as string).split('Add: ')[1] as string);
      expect(await heard()).toBe(1);
    }
    await endpoint.close();
    await network.close();
    await shellIn(host, `nft delete table ${table}`);
  });

  test('nothing is told where all is let through', async () => {
    await shellIn(
      host,
      'nft add table inet fw; nft "add chain inet fw passing { type filter hook forward priority 0; }"',
    );
    const network = await create();
    expect(network.warnings).toEqual([]);
    await network.close();
    await shellIn(host, 'nft delete table inet fw');
  });
});

describe('rules that somebody takes away', () => {
  test.each(['nft flush ruleset', 'nft delete table inet nsnet-mynet', 'nft flush table inet nsnet-mynet'])(
    'come back, with a warning: %s',
    async (command) => {
      const network = await create();
      const { address } = await network.connect(web);
      const made = await rules();
      const warned: Error[] = [];
      const listen = (warning: Error) => warned.push(warning);
      process.on('warning', listen);
      await shellIn(host, command);
      await expect.poll(rules, { timeout: 10_000 }).toBe(made);
      await expect
        .poll(() => warned.map((one) => (one as { code?: string }).code))
        .toContain('NSNET_RULES_LOST');
      process.off('warning', listen);
      await lan.routes.add({ destination: '172.17.0.0/16', gateway: LAN.host.inet });
      expect(await lan.ping(address, { count: 1, timeout: 500 })).toMatchObject({ received: 0 });
      await lan.routes.delete({ destination: '172.17.0.0/16' });
      await network.close();
    },
  );

  test('also where the ruleset changes all the time meanwhile', async () => {
    await using network = await create();
    const made = await rules();
    let over = false;
    const storms = ['a', 'b', 'c'].map(async (name) => {
      const table = { family: 'inet', name: `storm-${name}` } as const;
      const session = await host.nftables.session();
      const change = new Changes().addTable(table).deleteTable(table);
      const once = () => session.apply(change, { reversible: false });
      while (!over) await Promise.all(Array.from({ length: 20 }, once));
      await session.close();
    });
    const own = { family: 'inet', name: `nsnet-${network.name}` } as const;
    await sleep(100);
    await host.nftables.apply(new Changes().deleteTable(own), { reversible: false });
    await sleep(1500);
    over = true;
    await Promise.all(storms);
    await expect.poll(rules, { timeout: 5000 }).toBe(made);
  });

  test('stay away where that is asked for, until repair()', async () => {
    const network = await create({ repair: false });
    const made = await rules();
    await shellIn(host, 'nft flush ruleset');
    await sleep(200);
    expect(await rules()).not.toBe(made);
    await network.repair();
    expect(await rules()).toBe(made);
    await network.close();
  });

  test('are not put back for a network that somebody removes', async () => {
    const network = await create();
    const other = await Network.open('mynet', { netns: host });
    await other.remove();
    await other.close();
    await sleep(200);
    expect(await rules()).toMatch(/No such file/);
    await network.close();
  });
});

describe('a routed network', () => {
  const server = () => createServer((socket) => socket.on('error', () => {}).end('web'));
  const heard = (address: string) =>
    lan
      .connect({ host: address, port: 80, signal: AbortSignal.timeout(700) })
      .then((socket) => socket.destroy())
      .then(
        () => true,
        () => false,
      );

  test('has its ports open again when its rules are put back', async () => {
    await lan.routes.add({ destination: '172.17.0.0/16', gateway: LAN.host.inet });
    await using _listener = await web.listen(server(), { port: 80 });
    const network = await create({ gatewayMode: 'routed' });
    const { address } = await network.connect(web, { publish: ['80'] });
    expect(await heard(address)).toBe(true);
    await shellIn(host, 'nft flush ruleset');
    await expect.poll(() => rules()).toContain('chain to');
    await expect.poll(() => heard(address)).toBe(true);
    await network.close();
    await lan.routes.delete({ destination: '172.17.0.0/16' });
  });

  test('opens nothing for whoever gets the address of one that is gone', async () => {
    await lan.routes.add({ destination: '172.17.0.0/16', gateway: LAN.host.inet });
    await using _listener = await web.listen(server(), { port: 80 });
    const network = await create({ gatewayMode: 'routed' });
    const gone = await network.connect(web, { publish: ['80'] });
    // Its device goes without us.
    await shellIn(host, `ip link delete ${gone.hostLink.name}`);
    const next = await network.connect(web, { address: gone.address });
    expect(await heard(next.address)).toBe(false);
    await network.close();
    await lan.routes.delete({ destination: '172.17.0.0/16' });
  });
});
