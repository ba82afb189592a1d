// Tables that belong to a socket, and transactions as they are seen from outside.
import { spawn } from 'node:child_process';
import { Changes, Netns, type NftablesSession, type NsnetError, nft } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { runIn } from '../netns/support/inside.js';
import { listRuleset, loadRuleset } from './support/nft.js';

let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create();
});
afterEach(() => netns.close());

const OWNED = { family: 'inet', name: 'owned', flags: ['owner'] } as const;
const IN = { family: 'inet', table: 'owned' } as const;
const owned = () =>
  new Changes()
    .addTable(OWNED)
    .addChain({ ...IN, name: 'c' })
    .addSet({ ...IN, name: 's', type: 'inet_service', elements: [80] });

describe('a table that belongs to a session', () => {
  let session: NftablesSession;
  beforeEach(async () => {
    session = await netns.nftables.session();
    await session.apply(owned());
  });
  afterEach(() => session.close());

  test('is changed by it alone: EPERM for others of the same process, and for nft', async () => {
    const change = new Changes().addElements({ ...IN, name: 's', type: 'inet_service' }, [81]);
    const error: NsnetError = await netns.nftables.apply(change).catch((error) => error);
    expect(error).toMatchObject({ code: 'EPERM', subject: expect.stringContaining("table inet 'owned'") });
    expect(error.hint).toContain('another socket');
    await expect(runIn(netns, 'nft', 'add', 'element', 'inet', 'owned', 's', '{ 81 }')).rejects.toThrow();
    await session.apply(change);
    expect(await listRuleset(netns)).toContain('elements = { 80, 81 }');
  });

  test('says who owns it, and stays when nft flushes the ruleset', async () => {
    await loadRuleset(netns, 'table ip other { }\n');
    const { tables } = await netns.nftables.list();
    expect(tables.find(({ name }) => name === 'owned')).toMatchObject({
      flags: ['owner'],
      owner: expect.any(Number),
    });
    await runIn(netns, 'nft', 'flush', 'ruleset');
    const left = (await netns.nftables.list()).tables.map(({ name }) => name);
    expect(left).toEqual(['owned']);
  });

  test('goes with close(), which may be called twice', async () => {
    await session.close();
    await session.close();
    expect((await netns.nftables.list()).tables).toEqual([]);
    await expect(session.apply(owned())).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('goes with the namespace object', async () => {
    const again = await Netns.open({ fd: netns.fd });
    const other = await again.nftables.session();
    await other.apply(new Changes().addTable({ family: 'ip', name: 'others', flags: ['owner'] }));
    expect((await netns.nftables.list()).tables).toHaveLength(2);
    await again.close();
    expect(other.closed).toBe(true);
    expect((await netns.nftables.list()).tables).toHaveLength(1);
  });
});

describe('watch', () => {
  test('sees what nft does, one transaction after the other, with who did it', async () => {
    const watch = netns.nftables.watch();
    const first = watch.next();
    await netns.nftables.generation();
    await loadRuleset(
      netns,
      'table inet t { set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }\n chain c { tcp dport 80 accept\n }\n}\n',
    );
    const { value } = await first;
    expect(value).toMatchObject({ program: 'nft', pid: expect.any(Number) });
    const seen = (value as { events: { type: string; what: string; value: object }[] }).events;
    expect(seen.map(({ type, what }) => `${type} ${what}`).sort()).toEqual([
      'added chain',
      'added elements',
      'added rule',
      'added set',
      'added table',
    ]);
    expect(seen.find(({ what }) => what === 'elements')?.value).toMatchObject({
      elements: [{ key: '10.0.0.0/8' }],
    });
    expect(seen.find(({ what }) => what === 'rule')?.value).toMatchObject({ chain: 'c', table: 't' });
    await runIn(netns, 'nft', 'delete', 'table', 'inet', 't');
    const second = await watch.next();
    expect(second.value).toMatchObject({ generation: (value as { generation: number }).generation + 1 });
    await watch.return();
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  test('sees elements of sets that were there before, and this process', async () => {
    const T = { family: 'inet', table: 't' } as const;
    await netns.nftables.apply(
      new Changes()
        .addTable({ family: 'inet', name: 't' })
        .addSet({ ...T, name: 's', type: ['ipv4_addr', 'inet_service'] }),
    );
    const watch = netns.nftables.watch();
    const next = watch.next();
    const { generation } = await netns.nftables.apply(
      new Changes().addElements({ ...T, name: 's' }, [['1.2.3.4', 80]]),
    );
    expect((await next).value).toMatchObject({
      generation,
      events: [
        { type: 'added', what: 'elements', value: { name: 's', elements: [{ key: ['1.2.3.4', 80] }] } },
      ],
    });
    await watch.return();
  });

  test('ends with the namespace, by break, and by a signal', async () => {
    const watch = netns.nftables.watch();
    const waiting = watch.next();
    await netns.nftables.generation();
    const controller = new AbortController();
    const aborted = netns.nftables.watch({ signal: controller.signal }).next();
    await netns.nftables.generation();
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    await netns.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('what does not fit in the queue is told as lost', async () => {
    const watch = netns.nftables.watch();
    const first = watch.next();
    const comment = 'x'.repeat(120);
    const changes = new Changes()
      .addTable({ family: 'inet', name: 't' })
      .addChain({ family: 'inet', table: 't', name: 'c' });
    for (let i = 0; i < 3000; i++)
      changes.addRule({ family: 'inet', table: 't', chain: 'c', comment, expressions: [nft.counter()] });
    await netns.nftables.apply(changes, { reversible: false });
    await netns.nftables.apply(new Changes().addTable({ family: 'ip', name: 'later' }));
    const told = [(await first).value];
    while (!JSON.stringify(told.at(-1)).includes('later')) told.push((await watch.next()).value);
    const whole = told.some((one) => one && 'events' in one && one.events.length === 3002);
    expect(whole || told.some((one) => one && 'lost' in one)).toBe(true);
    await watch.return();
  });
});

test.runIf(process.getuid?.() === 0)('an owner that is killed leaves nothing', async () => {
  const program = `
    import { Netns, Changes } from 'nsnet';
    const netns = await Netns.open({ path: '/proc/${process.pid}/fd/${netns.fd}' });
    const session = await netns.nftables.session();
    await session.apply(new Changes().addTable({ family: 'inet', name: 'owned', flags: ['owner'] }));
    console.log('made');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve);
    child.once('exit', () => reject(new Error('It ended by itself')));
  });
  expect((await netns.nftables.list()).tables).toHaveLength(1);
  child.kill('SIGKILL');
  const empty = async () => expect((await netns.nftables.list()).tables).toEqual([]);
  await vi.waitFor(empty, { timeout: patience(5000), interval: 20 });
});
