// @kernels
// Two namespaces and a cable: what is left at the end must be what the commands leave that people type.
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns, Scope, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { byHand, ipIn, type Printed, parsed } from './support/inside.js';
import { named } from './support/named.js';
import { comparable } from './support/printed.js';

const commands = `
ip netns add test1; ip netns add test2; ip netns list > /dev/null
ip link add veth-test1 type veth peer name veth-test2
ip link set veth-test1 netns test1; ip link set veth-test2 netns test2
ip netns exec test1 ip addr add 192.168.1.1/24 dev veth-test1
ip netns exec test2 ip addr add 192.168.1.2/24 dev veth-test2
`;
const up = `
ip netns exec test1 ip link set dev veth-test1 up; ip netns exec test2 ip link set dev veth-test2 up
for n in 1 2; do until ip -n test$n link show veth-test$n | grep -q 'state UP'; do sleep 0.02; done; done
`;
const views = [['addr'], ['link'], ['route'], ['-6', 'route'], ['route', 'show', 'table', 'local'], ['rule']];
const show = ['test1', 'test2']
  .flatMap((name) =>
    views.map((view) => `printf '%s\\n' "$(ip -n ${name} -j -d ${view.join(' ')} | tr -d '\\n')"`),
  )
  .join('\n');

/** What each view shows in each of the two namespaces, after the commands of the document. */
async function asTyped(script: string): Promise<Printed[][]> {
  const lines = (await byHand(`${script}\n${show}`)).split('\n').slice(0, 2 * views.length);
  return lines.map((line) => comparable(parsed(line)));
}

async function asMade(namespaces: Netns[]): Promise<Printed[][]> {
  const seen = [];
  for (const netns of namespaces) {
    for (const view of views) seen.push(comparable(await ipIn(netns, ...view)));
  }
  return seen;
}

let scope: Scope;
let namespaces: [Netns, Netns];

beforeEach(async () => {
  scope = new Scope();
  const make = (options: object) => scope.use(Netns.create({ loopback: false, ...options }));
  namespaces = await Promise.all([make({ name: named('test1') }), make({ name: named('test2') })]);
});
afterEach(() => scope[Symbol.asyncDispose]());

describe('the end state is that of the typed commands', () => {
  test('links down', async () => {
    const [test1, test2] = namespaces;
    await scope.use(
      Veth.create(
        { netns: test1, name: 'veth-test1', addresses: ['192.168.1.1/24'] },
        { netns: test2, name: 'veth-test2', addresses: ['192.168.1.2/24'] },
      ),
    );
    expect(await asMade(namespaces)).toEqual(await asTyped(commands));
  });

  test('links up, all given at once', async () => {
    const [test1, test2] = namespaces;
    const pair = await scope.use(
      Veth.create(
        { netns: test1, name: 'veth-test1', addresses: ['192.168.1.1/24'], up: true },
        { netns: test2, name: 'veth-test2', addresses: ['192.168.1.2/24'], up: true },
      ),
    );
    await Promise.all([pair.a.ready(), pair.b.ready()]);
    expect(await asMade(namespaces)).toEqual(await asTyped(commands + up));
  });

  test('links up, step by step, as the document has it', async () => {
    const [test1, test2] = namespaces;
    await using host = await Netns.create({ loopback: false });
    const { a, b } = await scope.use(
      Veth.create({ netns: host, name: 'veth-test1' }, { netns: host, name: 'veth-test2' }),
    );
    await a.moveTo(test1);
    await b.moveTo(test2);
    await a.addAddress('192.168.1.1/24');
    await b.addAddress('192.168.1.2/24');
    expect([a.info.up, b.info.up]).toEqual([false, false]);
    await a.up();
    await b.up();
    await Promise.all([a.ready(), b.ready()]);
    await Promise.all([a.refresh(), b.refresh()]);
    expect([a.info, b.info]).toMatchObject([
      { up: true, state: 'up' },
      { up: true, state: 'up' },
    ]);
    expect(await asMade(namespaces)).toEqual(await asTyped(commands + up));
  });
});

test('an echo crosses the cable, seen from the counters', async () => {
  const [test1, test2] = namespaces;
  const { a, b } = await scope.use(
    Veth.create(
      { netns: test1, name: 'veth-test1', addresses: ['192.168.1.1/24'], up: true },
      { netns: test2, name: 'veth-test2', addresses: ['192.168.1.2/24'], up: true },
    ),
  );
  await Promise.all([a.ready(), b.ready()]);
  const { runIn } = await import('./support/inside.js');
  const said = await runIn(test2, 'ping', '-c', '2', '-i', '0.2', '-W', '2', '192.168.1.1');
  expect(said).toContain('2 received');
  await sleep(10);
  const [received, sent] = await Promise.all([a.stats(), b.stats()]);
  expect(received.rxPackets).toBeGreaterThanOrEqual(2);
  expect(sent.txPackets).toBeGreaterThanOrEqual(2);
  expect(received.rxErrors).toBe(0);
});
