// Changes of a ruleset: all or none, undone, in order; what nft prints is the witness.
import { Changes, Netns, type Netns as NetnsType, type NsnetError, nft } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { jsonRuleset, listRuleset, loadRuleset } from './support/nft.js';

const T = { family: 'inet', table: 't' } as const;

let netns: NetnsType;
beforeEach(async () => {
  netns = await Netns.create();
});
afterEach(() => netns.close());

function basics(): Changes {
  return new Changes()
    .addTable({ family: 'inet', name: 't', comment: 'of a test' })
    .addChain({ ...T, name: 'forward', type: 'filter', hook: 'forward', priority: 'filter', policy: 'drop' })
    .addChain({ ...T, name: 'other', comment: 'another' })
    .addSet({ ...T, name: 'ports', type: 'inet_service', elements: [80, 443] })
    .addSet({ ...T, name: 'nets', type: 'ipv4_addr', flags: ['interval'], elements: ['10.0.0.0/8'] })
    .addRule({
      ...T,
      chain: 'forward',
      expressions: [nft.tcp.dport.in('@ports'), nft.accept()],
      comment: 'first',
    })
    .addRule({ ...T, chain: 'forward', expressions: [nft.ip.saddr.in('@nets'), nft.jump('other')] })
    .addRule({ ...T, chain: 'forward', expressions: [nft.tcp.dport.is([22, 23]), nft.drop()] });
}

const refused = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: NsnetError) => error,
  );

describe('all or none', () => {
  test('the last of fifty is refused: nothing changed, and the generation is the same', async () => {
    await netns.nftables.apply(basics());
    const before = await listRuleset(netns);
    const generation = await netns.nftables.generation();
    const changes = new Changes();
    for (let i = 0; i < 49; i++) changes.addRule({ ...T, chain: 'forward', expressions: [nft.counter()] });
    changes.addRule({ ...T, chain: 'nowhere', expressions: [nft.drop()] });
    const error = await refused(netns.nftables.apply(changes));
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'NFT_MSG_NEWRULE', attribute: 'chain' });
    expect(error.subject).toMatch(/^rule in chain 'nowhere' of table inet 't' in /);
    expect(error.hint).toBeDefined();
    expect(await listRuleset(netns)).toBe(before);
    expect(await netns.nftables.generation()).toBe(generation);
  });

  test('what is refused first is told', async () => {
    const changes = new Changes()
      .addTable({ family: 'inet', name: 't' })
      .deleteChain({ ...T, name: 'one' })
      .deleteChain({ ...T, name: 'two' });
    const error = await refused(netns.nftables.apply(changes));
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'NFT_MSG_DELCHAIN' });
    expect(error.subject).toContain("chain 'one'");
  });

  test.each([
    ['EEXIST', () => new Changes().createTable({ family: 'inet', name: 't' })],
    ['EEXIST', () => new Changes().createElements({ ...T, name: 'ports' }, [80])],
    ['EBUSY', () => new Changes().deleteChain({ ...T, name: 'other' })],
    ['EBUSY', () => new Changes().deleteSet({ ...T, name: 'ports' })],
    ['ENOENT', () => new Changes().deleteTable({ family: 'ip', name: 't' })],
    ['ENOENT', () => new Changes().deleteElements({ ...T, name: 'ports' }, [81])],
    ['ENOENT', () => new Changes().addElements({ ...T, name: 'nothing' }, [81])],
    ['ENOENT', () => new Changes().addRule({ ...T, chain: 'other', expressions: [{ type: 'nonsense' }] })],
    ['ENOENT', () => new Changes().addRule({ ...T, chain: 'other', expressions: [nft.tcp.dport.in('@x')] })],
  ])('%s', async (code, changes) => {
    await netns.nftables.apply(basics());
    const before = await listRuleset(netns);
    const error = await refused(netns.nftables.apply(changes()));
    expect(error.code).toBe(code);
    expect(error.subject).toMatch(/table/);
    if (error.syscall?.startsWith('NFT_MSG_GET') === false) expect(error.hint).toBeDefined();
    expect(await listRuleset(netns)).toBe(before);
  });

  test('another generation than the one given', async () => {
    const { generation } = await netns.nftables.apply(basics());
    await loadRuleset(netns, 'table ip x { }');
    const more = new Changes().addTable({ family: 'ip', name: 'y' });
    const error = await refused(netns.nftables.apply(more, { generation }));
    expect(error).toMatchObject({ code: 'ERESTART', syscall: 'NFNL_MSG_BATCH_BEGIN' });
    const now = await netns.nftables.generation();
    expect(now).toBe(generation + 1);
    expect((await netns.nftables.apply(more, { generation: now })).generation).toBe(now + 1);
  });

  test('none at all', async () => {
    const generation = await netns.nftables.generation();
    const applied = await netns.nftables.apply(new Changes());
    expect(applied).toMatchObject({ generation, handles: [] });
    expect(applied.reverse().length).toBe(0);
  });
});

describe('reverse', () => {
  const counts = (text: string) => text.replaceAll(/packets \d+ bytes \d+/g, 'counted');

  test('of all that was made', async () => {
    const before = await listRuleset(netns);
    const applied = await netns.nftables.apply(basics());
    expect(applied.handles.every((handle) => typeof handle === 'number')).toBe(true);
    await netns.nftables.apply(applied.reverse());
    expect(await listRuleset(netns)).toBe(before);
  });

  const some: [string, (handles: readonly (number | undefined)[]) => Changes][] = [
    ['a table is deleted', () => new Changes().deleteTable({ family: 'inet', name: 't' })],
    ['a table is flushed', () => new Changes().flushTable({ family: 'inet', name: 't' })],
    ['a chain is flushed', () => new Changes().flushChain({ ...T, name: 'forward' })],
    [
      'the first rule is deleted',
      (h) => new Changes().deleteRule({ ...T, chain: 'forward', handle: h[5] as number }),
    ],
    [
      'a rule between is deleted',
      (h) => new Changes().deleteRule({ ...T, chain: 'forward', handle: h[6] as number }),
    ],
    [
      'two in a row are deleted',
      (h) =>
        new Changes()
          .deleteRule({ ...T, chain: 'forward', handle: h[6] as number })
          .deleteRule({ ...T, chain: 'forward', handle: h[7] as number }),
    ],
    [
      'a rule is replaced',
      (h) =>
        new Changes().replaceRule({
          ...T,
          chain: 'forward',
          handle: h[6] as number,
          expressions: [nft.drop()],
        }),
    ],
    [
      'rules are added at both ends and between',
      (h) =>
        new Changes()
          .insertRule({ ...T, chain: 'forward', expressions: [nft.counter()] })
          .addRule({ ...T, chain: 'forward', expressions: [nft.counter()] })
          .addRule({ ...T, chain: 'forward', expressions: [nft.counter()], position: h[5] as number }),
    ],
    ['elements are added', () => new Changes().addElements({ ...T, name: 'ports' }, [81, 80])],
    ['elements are deleted', () => new Changes().deleteElements({ ...T, name: 'ports' }, [443])],
    [
      'intervals are added',
      () => new Changes().addElements({ ...T, name: 'nets' }, ['192.168.0.0/16', '1.2.3.4']),
    ],
    ['a set is flushed', () => new Changes().flushSet({ ...T, name: 'nets' })],
    [
      'a policy is changed',
      () => new Changes().addChain({ ...T, name: 'forward', hook: 'forward', policy: 'accept' }),
    ],
    [
      'chains are added that jump to one another, from rules that were there',
      () =>
        new Changes()
          .addChain({ ...T, name: 'a' })
          .addChain({ ...T, name: 'b' })
          .addRule({ ...T, chain: 'a', expressions: [nft.jump('b')] })
          .addRule({ ...T, chain: 'other', expressions: [nft.jump('a')] })
          .addSet({
            ...T,
            name: 'v',
            type: 'inet_service',
            map: 'verdict',
            elements: [{ key: 1, value: { verdict: 'goto', chain: 'b' } }],
          })
          .addRule({ ...T, chain: 'other', expressions: [nft.tcp.dport.verdictMap('v')] }),
    ],
  ];
  test.each(some)('%s', async (_name, changes) => {
    const { handles } = await netns.nftables.apply(basics());
    const before = await listRuleset(netns);
    const applied = await netns.nftables.apply(changes(handles));
    expect(await listRuleset(netns)).not.toBe(before);
    await netns.nftables.apply(applied.reverse());
    expect(counts(await listRuleset(netns))).toBe(counts(before));
  });

  test('what others have done since stays', async () => {
    await netns.nftables.apply(basics());
    const added = await netns.nftables.apply(
      new Changes().addRule({ ...T, chain: 'other', expressions: [nft.drop()], comment: 'ours' }),
    );
    await loadRuleset(netns, 'add rule inet t other accept comment "theirs"');
    await netns.nftables.apply(added.reverse());
    const text = await listRuleset(netns);
    expect(text).toContain('theirs');
    expect(text).not.toContain('ours');
  });

  test('not of what was not read before', async () => {
    const applied = await netns.nftables.apply(basics(), { reversible: false });
    expect(() => applied.reverse()).toThrow(/ERR_NSNET_UNSUPPORTED/);
  });
});

describe('together', () => {
  test('calls are carried out in their order', async () => {
    await netns.nftables.apply(basics());
    const all = Array.from({ length: 40 }, (_, i) =>
      netns.nftables.apply(
        new Changes().addRule({ ...T, chain: 'other', expressions: [nft.counter()], comment: `${i}` }),
      ),
    );
    const generations = (await Promise.all(all)).map(({ generation }) => generation);
    expect(generations).toEqual([...generations].sort((a, b) => a - b));
    const { rules } = await netns.nftables.list({ table: 't' });
    const comments = rules.filter(({ chain }) => chain === 'other').map(({ comment }) => comment);
    expect(comments).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`));
  });

  test('one that is refused stops none', async () => {
    await netns.nftables.apply(basics());
    const good = (name: string) => netns.nftables.apply(new Changes().addTable({ family: 'ip', name }));
    const bad = netns.nftables.apply(new Changes().deleteTable({ family: 'ip', name: 'nothing' }));
    const settled = await Promise.allSettled([good('a'), bad, good('b'), netns.nftables.list()]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  });

  test('with nft and with sessions, nothing is lost and every list is whole', async () => {
    await netns.nftables.apply(basics());
    const sessions = await Promise.all([1, 2].map(() => netns.nftables.session()));
    const times = scaled(20);
    const work = [netns.nftables, ...sessions].map(async (by, n) => {
      for (let i = 0; i < times; i++)
        await by.apply(new Changes().addElements({ ...T, name: 'ports' }, [1000 * (n + 1) + i]));
    });
    const lists = (async () => {
      for (let i = 0; i < times; i++) expect((await netns.nftables.list()).rules).toHaveLength(3);
    })();
    await Promise.all([...work, lists]);
    const [set] = (await netns.nftables.list()).sets.filter(({ name }) => name === 'ports');
    expect(set?.elements).toHaveLength(2 + 3 * times);
    await Promise.all(sessions.map((session) => session.close()));
  });
});

describe('abort', () => {
  test('before: nothing is changed', async () => {
    const signal = AbortSignal.abort();
    await expect(netns.nftables.apply(basics(), { signal })).rejects.toMatchObject({ name: 'AbortError' });
    await expect(netns.nftables.list({ signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(await listRuleset(netns)).toBe('');
  });

  test('at any moment: all is made, or nothing, and what it says is so', async () => {
    for (let i = 0; i < scaled(30); i++) {
      const controller = new AbortController();
      const name = `t${i}`;
      const work = netns.nftables.apply(new Changes().addTable({ family: 'ip', name }), {
        signal: controller.signal,
      });
      setTimeout(() => controller.abort(), i % 5);
      const made = await work.then(
        () => true,
        () => false,
      );
      const { tables } = await netns.nftables.list();
      expect(tables.some((table) => table.name === name)).toBe(made);
    }
  });
});

describe('much', () => {
  test('ten thousand elements in one transaction', async () => {
    const count = scaled(10_000);
    const elements = Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    await netns.nftables.apply(
      new Changes()
        .addTable({ family: 'inet', name: 't' })
        .addSet({ ...T, name: 'many', type: 'ipv4_addr', elements }),
    );
    const [set] = (await netns.nftables.list()).sets;
    expect(set?.elements).toHaveLength(count);
    expect(new Set(set?.elements.map(({ key }) => key))).toEqual(new Set(elements));
    expect(JSON.stringify(await jsonRuleset(netns)).match(/"10\./g)).toHaveLength(count);
  });

  test('ten thousand intervals', async () => {
    const count = scaled(10_000);
    const elements = Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.16/28`);
    const many = { ...T, name: 'many', type: 'ipv4_addr', flags: ['interval'], elements } as const;
    await netns.nftables.apply(new Changes().addTable({ family: 'inet', name: 't' }).addSet(many));
    const [set] = (await netns.nftables.list()).sets;
    expect(set?.elements.map(({ key }) => key)).toEqual(elements);
  });

  test('a thousand rules, each with its handle', async () => {
    const changes = basics();
    for (let i = 0; i < scaled(1000); i++)
      changes.addRule({
        ...T,
        chain: 'other',
        expressions: [nft.tcp.dport.is(i), nft.accept()],
        comment: `${i}`,
      });
    const { handles } = await netns.nftables.apply(changes);
    const { rules } = await netns.nftables.list();
    expect(new Set(handles.slice(5))).toEqual(new Set(rules.map(({ handle }) => handle)));
  });
});
