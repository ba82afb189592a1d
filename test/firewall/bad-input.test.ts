// What cannot be meant is refused before anything is sent.
import { Changes, Netns, nft } from 'nsnet';
import { afterAll, beforeAll, expect, test } from 'vitest';

const T = { family: 'inet', table: 't' } as const;
const S = { ...T, name: 's' } as const;
// biome-ignore lint/suspicious/noExplicitAny: what is wrong has no type
const any = (value: unknown) => value as any;
const rule = (...expressions: unknown[]) => new Changes().addRule(any({ ...T, chain: 'c', expressions }));

const cases: [string, string, () => unknown][] = [
  ['no table', 'ERR_INVALID_ARG_TYPE', () => new Changes().addTable(any(undefined))],
  ['a family', 'ERR_INVALID_ARG_VALUE', () => new Changes().addTable(any({ family: 'ipx', name: 't' }))],
  ['no name', 'ERR_INVALID_ARG_TYPE', () => new Changes().addTable(any({ family: 'ip' }))],
  ['an empty name', 'ERR_INVALID_ARG_VALUE', () => new Changes().addTable({ family: 'ip', name: '' })],
  ['a long name', 'ERR_OUT_OF_RANGE', () => new Changes().addTable({ family: 'ip', name: 'x'.repeat(256) })],
  ['a NUL', 'ERR_INVALID_ARG_VALUE', () => new Changes().addTable({ family: 'ip', name: 'a\0b' })],
  ['an unknown key', 'ERR_INVALID_ARG_VALUE', () => new Changes().addChain(any({ ...S, hok: 'input' }))],
  ['a hook', 'ERR_INVALID_ARG_VALUE', () => new Changes().addChain(any({ ...S, hook: 'outgoing' }))],
  ['a policy without hook', 'ERR_INVALID_ARG_VALUE', () => new Changes().addChain({ ...S, policy: 'drop' })],
  [
    'a priority',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addChain(any({ ...S, hook: 'input', priority: 'x' })),
  ],
  ['a type', 'ERR_INVALID_ARG_VALUE', () => new Changes().addSet(any({ ...S, type: 'ipv5_addr' }))],
  ['no type', 'ERR_INVALID_ARG_TYPE', () => new Changes().addSet(any(S))],
  [
    'an address',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: 'ipv4_addr', elements: ['1.2.3'] }),
  ],
  [
    'a port',
    'ERR_OUT_OF_RANGE',
    () => new Changes().addSet({ ...S, type: 'inet_service', elements: [65536] }),
  ],
  [
    'a prefix without interval',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: 'ipv4_addr', elements: ['10.0.0.0/8'] }),
  ],
  [
    'a range that ends before it begins',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: 'inet_service', flags: ['interval'], elements: ['90-80'] }),
  ],
  [
    'a prefix too long',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: 'ipv4_addr', flags: ['interval'], elements: ['10.0.0.0/33'] }),
  ],
  [
    'too few values',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: ['ipv4_addr', 'mark'], elements: [['1.2.3.4']] }),
  ],
  [
    'a map without value',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: 'mark', map: 'mark', elements: [1] }),
  ],
  [
    'a value without map',
    'ERR_INVALID_ARG_VALUE',
    () => new Changes().addSet({ ...S, type: 'mark', elements: [{ key: 1, value: 2 }] }),
  ],
  ['expressions', 'ERR_INVALID_ARG_TYPE', () => new Changes().addRule(any({ ...T, chain: 'c' }))],
  ['an expression without type', 'ERR_INVALID_ARG_TYPE', () => rule({})],
  ['no handle', 'ERR_INVALID_ARG_TYPE', () => new Changes().deleteRule(any({ ...T, chain: 'c' }))],
  [
    'IPv6 in a table of IPv4',
    'ERR_INVALID_ARG_VALUE',
    () =>
      new Changes().addRule({ family: 'ip', table: 't', chain: 'c', expressions: [nft.ip6.saddr.is('::1')] }),
  ],
  ['a key of meta', 'ERR_INVALID_ARG_VALUE', () => nft.meta(any('nothing'))],
  ['a state', 'ERR_INVALID_ARG_VALUE', () => nft.ct.state(any('old'))],
  ['no value', 'ERR_INVALID_ARG_VALUE', () => nft.tcp.dport.is()],
  ['a translation of nothing', 'ERR_INVALID_ARG_VALUE', () => nft.dnat({ family: 'ip' })],
  ['a rate', 'ERR_OUT_OF_RANGE', () => nft.limit({ rate: 0 })],
];
test.each(cases)('%s: %s', (_name, code, make) => {
  expect(make).toThrow(expect.objectContaining({ code }));
});

let netns: Netns;
beforeAll(async () => {
  netns = await Netns.create();
});
afterAll(() => netns.close());

test.each<[string, string, () => Promise<unknown>]>([
  ['changes', 'ERR_INVALID_ARG_TYPE', () => netns.nftables.apply(any([]))],
  ['options', 'ERR_INVALID_ARG_VALUE', () => netns.nftables.apply(new Changes(), any({ force: true }))],
  [
    'a generation',
    'ERR_INVALID_ARG_TYPE',
    () => netns.nftables.apply(new Changes(), any({ generation: '1' })),
  ],
  [
    'an attribute of an expression',
    'ERR_INVALID_ARG_VALUE',
    () => netns.nftables.apply(rule({ type: 'meta', ky: 1 })),
  ],
  [
    'a value of one',
    'ERR_INVALID_ARG_VALUE',
    () => netns.nftables.apply(rule({ type: 'meta', key: 'x', dreg: 1 })),
  ],
  ['a filter', 'ERR_INVALID_ARG_VALUE', () => netns.nftables.list(any({ family: 'x' }))],
])('%s: %s, and the next is carried out', async (_name, code, work) => {
  await expect(work()).rejects.toMatchObject({ code });
  expect(await netns.nftables.generation()).toBeGreaterThan(0);
});

test('after close()', async () => {
  const other = await Netns.create();
  await other.nftables.generation();
  await other.close();
  await expect(other.nftables.apply(new Changes())).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  await expect(other.nftables.list()).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
});

test.each([
  [() => nft.tcp.dport.is('http'), 'Expected a number for value but received'],
  [
    () => nft.ct.state(any('establishd')),
    'Expected one of invalid, established, related, new, untracked, or a number',
  ],
  [() => nft.ip.saddr.is('10.0.0.300'), 'Expected an IPv4 address for value but received'],
  [
    () => new Changes().addSet({ ...S, type: 'ipv4_addr', elements: ['10.0.0.0/8'] }),
    "need the set's flag 'interval'",
  ],
  [
    () => new Changes().addTable(any({ famly: 'ip', name: 't' })),
    "Unknown key 'famly' in table: did you mean 'family'?",
  ],
  [
    () => new Changes().addChain(any({ ...T, nmae: 'c' })),
    "Unknown key 'nmae' in chain: did you mean 'name'?",
  ],
])('%s is refused in words that lead on', (work, words) => {
  expect(work as () => unknown).toThrow(words);
});
