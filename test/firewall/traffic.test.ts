// Rules that packets meet: sets, intervals, concatenated ranges, verdict maps and address translation.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Changes, Netns, nft, Scope, Veth } from 'nsnet';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const T = { family: 'inet', table: 't' } as const;
let scope: Scope;
let client: Netns;
let server: Netns;
const seen: string[] = [];

beforeAll(async () => {
  scope = new Scope();
  [client, server] = await Promise.all([scope.use(Netns.create()), scope.use(Netns.create())]);
  await scope.use(
    Veth.create(
      { netns: client, name: 'eth0', up: true, addresses: ['10.0.0.1/24', '10.0.0.3/24'] },
      { netns: server, name: 'eth0', up: true, addresses: ['10.0.0.2/24', '10.0.0.4/24'] },
    ),
  );
  for (const port of [8080, 8081]) {
    const listening = createServer((socket) => {
      seen.push(socket.remoteAddress as string);
      socket.end(`${port}`);
    });
    await server.listen(listening, { port });
  }
});
afterAll(() => scope[Symbol.asyncDispose]());
afterEach(async () => {
  for (const netns of [client, server]) {
    const changes = new Changes();
    for (const table of (await netns.nftables.list()).tables) changes.deleteTable(table);
    await netns.nftables.apply(changes);
  }
});

/** What answers: the port that the server listens at, or why nothing does. */
async function answer(port: number, host = '10.0.0.2', localAddress?: string): Promise<string> {
  try {
    const socket = await client.connect({ host, port, localAddress, signal: AbortSignal.timeout(1000) });
    let text = '';
    socket.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
    await once(socket, 'close');
    return text;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const input = () =>
  new Changes()
    .addTable({ family: 'inet', name: 't' })
    .addChain({ ...T, name: 'refuse' })
    .addRule({
      ...T,
      chain: 'refuse',
      expressions: [nft.meta('l4proto').is('tcp'), nft.counter(), nft.drop()],
    })
    .addChain({ ...T, name: 'input', type: 'filter', hook: 'input', priority: 'filter' });

test('an interval', async () => {
  await server.nftables.apply(
    input()
      .addSet({ ...T, name: 's', type: 'ipv4_addr', flags: ['interval'], elements: ['10.0.0.2-10.0.0.9'] })
      .addRule({ ...T, chain: 'input', expressions: [nft.ip.saddr.in('@s'), nft.drop()] }),
  );
  expect(await answer(8080)).toBe('8080');
  expect(await answer(8080, '10.0.0.2', '10.0.0.3')).not.toBe('8080');
});

test('concatenated ranges', async () => {
  await server.nftables.apply(
    input()
      .addSet({
        ...T,
        name: 's',
        type: ['ipv4_addr', 'inet_service'],
        flags: ['interval'],
        elements: [
          ['10.0.0.0/31', '8081-8090'],
          ['10.0.0.3', '8000-8080'],
        ],
      })
      .addRule({
        ...T,
        chain: 'input',
        expressions: [nft.concat(nft.ip.saddr, nft.tcp.dport).inSet('s'), nft.drop()],
      }),
  );
  expect(await answer(8080)).toBe('8080');
  expect(await answer(8081)).not.toBe('8081');
  expect(await answer(8080, '10.0.0.2', '10.0.0.3')).not.toBe('8080');
  expect(await answer(8081, '10.0.0.2', '10.0.0.3')).toBe('8081');
});

test('a map to verdicts, changed while it is used; a counter', async () => {
  await server.nftables.apply(
    input()
      .addSet({
        ...T,
        name: 'v',
        type: 'inet_service',
        map: 'verdict',
        elements: [{ key: 8080, value: { verdict: 'jump', chain: 'refuse' } }],
      })
      .addRule({ ...T, chain: 'input', expressions: [nft.tcp.dport.verdictMap('v')] }),
  );
  expect(await answer(8080)).not.toBe('8080');
  expect(await answer(8081)).toBe('8081');
  const { rules } = await server.nftables.list();
  const counted = rules[0]?.expressions.find(({ type }) => type === 'counter') as { packets: number };
  expect(counted.packets).toBeGreaterThan(0);
  await server.nftables.apply(new Changes().deleteElements({ ...T, name: 'v' }, [8080]));
  expect(await answer(8080)).toBe('8080');
});

test('destinations and sources translated by maps', async () => {
  await server.nftables.apply(
    new Changes()
      .addTable({ family: 'inet', name: 't' })
      .addSet({
        ...T,
        name: 'published',
        type: ['inet_proto', 'inet_service'],
        map: ['ipv4_addr', 'inet_service'],
        elements: [{ key: ['tcp', 80], value: ['10.0.0.4', 8081] }],
      })
      .addChain({ ...T, name: 'pre', type: 'nat', hook: 'prerouting', priority: 'dstnat' })
      .addChain({ ...T, name: 'in', type: 'nat', hook: 'input', priority: 'srcnat' })
      .addRule({
        ...T,
        chain: 'pre',
        expressions: [
          nft.fib.daddr.type.is('local'),
          nft.dnat({ family: 'ip', map: nft.concat(nft.meta('l4proto'), nft.th.dport).map('published') }),
        ],
      })
      .addRule({
        ...T,
        chain: 'in',
        expressions: [nft.ct.status('dnat'), nft.snat({ family: 'ip', address: '10.0.0.99' })],
      }),
  );
  seen.length = 0;
  expect(await answer(80)).toBe('8081');
  expect(seen.at(-1)).toMatch(/10\.0\.0\.99$/);
  expect(await answer(81)).not.toMatch(/^80/);
});
