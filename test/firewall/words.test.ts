// Rules made of nft's words by functions, with nft itself as the witness: the same text gives the same rule.
import { Changes, Netns, nft, type RuleSpec, type TableFamily } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jsonRuleset, listRuleset, loadRuleset } from './support/nft.js';

const { meta, ip, ip6, tcp, udp, th, ct, fib, concat, icmp, icmpv6, ether } = nft;

let ours: Netns;
let theirs: Netns;
beforeAll(async () => {
  [ours, theirs] = await Promise.all([Netns.create(), Netns.create()]);
});
afterAll(() => Promise.all([ours.close(), theirs.close()]));

/** Sets and maps that the rules name. */
const SETS = `
  set addresses { type ipv4_addr; flags interval; }
  set pairs { type ipv4_addr . inet_service; }
  map verdicts { type inet_service : verdict; }
  map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map hosts { type inet_proto . inet_service : ipv4_addr; }
  counter hits { }
  chain other { }`;

type Case = [family: TableFamily, text: string, expressions: RuleSpec['expressions']];
const cases: Case[] = [
  ['inet', 'iifname "br0"', [meta('iifname').is('br0')]],
  ['inet', 'oifname != "br*"', [meta('oifname').isNot('br*')]],
  ['inet', 'iif "lo" accept', [meta('iif').is(1), nft.accept()]],
  ['inet', 'iifgroup 5 oifgroup != 6', [meta('iifgroup').is(5), meta('oifgroup').isNot(6)]],
  ['inet', 'meta mark 0x5 meta mark set 0x7', [meta('mark').is(5), meta('mark').set(7)]],
  ['inet', 'meta mark 1-5', [meta('mark').in('1-5')]],
  ['inet', 'meta mark > 5', [meta('mark').gt(5)]],
  ['inet', 'meta mark & 0xff == 5', [meta('mark').masked(0xff, 5)]],
  ['inet', 'meta mark != 1-5', [meta('mark').notIn('1-5')]],
  ['inet', 'meta l4proto { tcp, udp }', [meta('l4proto').is('tcp', 'udp')]],
  ['inet', 'meta l4proto != tcp', [meta('l4proto').isNot('tcp')]],
  ['inet', 'meta nfproto ipv4', [meta('nfproto').is('ipv4')]],
  ['inet', 'meta protocol ip tcp dport 5', [meta('protocol').is('ip'), tcp.dport.is(5)]],
  ['inet', 'meta pkttype broadcast', [meta('pkttype').is('broadcast')]],
  ['inet', 'meta skuid 5', [meta('skuid').is(5)]],
  ['inet', 'ip saddr 10.0.0.0/8', [ip.saddr.in('10.0.0.0/8')]],
  ['inet', 'ip saddr != 10.0.0.0/8', [ip.saddr.notIn('10.0.0.0/8')]],
  ['inet', 'ip saddr 10.1.0.0/17', [ip.saddr.in('10.1.0.0/17')]],
  ['inet', 'ip saddr 10.0.0.1-10.0.0.9', [ip.saddr.in('10.0.0.1-10.0.0.9')]],
  ['inet', 'ip saddr != 10.0.0.1-10.0.0.9', [ip.saddr.notIn('10.0.0.1-10.0.0.9')]],
  ['inet', 'ip daddr { 10.0.0.0/8, 1.2.3.4 } drop', [ip.daddr.in('10.0.0.0/8', '1.2.3.4'), nft.drop()]],
  ['inet', 'ip daddr @addresses', [ip.daddr.in('@addresses')]],
  ['inet', 'ip daddr != @addresses', [ip.daddr.notIn('@addresses')]],
  ['inet', 'ip daddr 1.2.3.4 ip saddr 1.2.3.5', [ip.daddr.is('1.2.3.4'), ip.saddr.is('1.2.3.5')]],
  ['inet', 'ip protocol tcp tcp dport 80', [ip.protocol.is('tcp'), tcp.dport.is(80)]],
  ['inet', 'ip6 saddr fe80::/64 udp dport 5', [ip6.saddr.in('fe80::/64'), udp.dport.is(5)]],
  ['inet', 'ip6 saddr fe80::/10', [ip6.saddr.in('fe80::/10')]],
  ['inet', 'ip6 daddr fe80::1', [ip6.daddr.is('fe80::1')]],
  ['inet', 'ip6 nexthdr tcp', [ip6.nexthdr.is('tcp')]],
  ['inet', 'tcp dport 80', [tcp.dport.is(80)]],
  ['inet', 'tcp dport 80 tcp flags syn', [tcp.dport.is(80), tcp.flags.any('syn')]],
  ['inet', 'tcp dport { 80, 443 } counter accept', [tcp.dport.is([80, 443]), nft.counter(), nft.accept()]],
  ['inet', 'tcp dport { 80-90, 443 }', [tcp.dport.is('80-90', 443)]],
  ['inet', 'tcp dport != 80-90', [tcp.dport.isNot('80-90')]],
  ['inet', 'tcp dport >= 1024', [tcp.dport.gte(1024)]],
  ['inet', 'tcp flags syn', [tcp.flags.any('syn')]],
  ['inet', 'tcp flags & (syn|ack) == syn', [tcp.flags.masked('syn,ack', 'syn')]],
  ['inet', 'tcp dport vmap @verdicts', [tcp.dport.verdictMap('verdicts')]],
  [
    'inet',
    'tcp dport vmap { 80 : accept, 81 : jump other }',
    [
      tcp.dport.verdictMap([
        { key: 80, value: { verdict: 'accept' } },
        { key: 81, value: { verdict: 'jump', chain: 'other' } },
      ]),
    ],
  ],
  ['inet', 'ip saddr . tcp dport @pairs', [concat(ip.saddr, tcp.dport).inSet('@pairs')]],
  ['inet', 'ip saddr . tcp dport != @pairs', [concat(ip.saddr, tcp.dport).notInSet('pairs')]],
  [
    'inet',
    'ip saddr . tcp dport { 1.2.3.4 . 80, 10.0.0.0/8 . 1-5 }',
    [
      concat(ip.saddr, tcp.dport).in([
        ['1.2.3.4', 80],
        ['10.0.0.0/8', '1-5'],
      ]),
    ],
  ],
  ['inet', 'icmp type echo-request', [icmp.type.is('echo-request')]],
  ['inet', 'icmpv6 type echo-request', [icmpv6.type.is('echo-request')]],
  ['inet', 'ether saddr 00:11:22:33:44:55', [ether.saddr.is('00:11:22:33:44:55')]],
  ['inet', 'ct state established,related accept', [ct.state('established', 'related'), nft.accept()]],
  ['inet', 'ct state invalid drop', [ct.state('invalid'), nft.drop()]],
  ['inet', 'ct state ! established,related', [ct.notState('established', 'related')]],
  ['inet', 'ct status dnat', [ct.status('dnat')]],
  ['inet', 'ct direction original', [ct.direction.is('original')]],
  ['inet', 'ct original ip daddr 1.2.3.4', [ct.original.ip.daddr.is('1.2.3.4')]],
  ['inet', 'ct mark set 5', [ct.mark.set(5)]],
  ['inet', 'fib daddr type local', [fib.daddr.type.is('local')]],
  ['inet', 'fib daddr type { local, broadcast }', [fib.daddr.type.is('local', 'broadcast')]],
  ['inet', 'fib saddr . iif oif missing drop', [fib.by('saddr', 'iif').missing(), nft.drop()]],
  ['inet', 'fib saddr . iif oif exists', [fib.by('saddr', 'iif').exists()]],
  ['inet', 'jump other', [nft.jump('other')]],
  ['inet', 'goto other', [nft.goto('other')]],
  ['inet', 'return', [nft.ret()]],
  ['inet', 'continue', [nft.cont()]],
  ['inet', 'counter name "hits"', [nft.counter('hits')]],
  ['inet', 'limit rate 5/second', [nft.limit({ rate: 5 })]],
  [
    'inet',
    'limit rate over 10 mbytes/minute burst 20 kbytes',
    [nft.limit({ rate: 10 * 2 ** 20, unit: 'bytes', per: 'minute', burst: 20480, over: true })],
  ],
  ['inet', 'quota over 25 mbytes drop', [nft.quota(25 * 2 ** 20, { over: true }), nft.drop()]],
  ['inet', 'log prefix "hi " level debug', [nft.log({ prefix: 'hi ', level: 'debug' })]],
  ['inet', 'log', [nft.log()]],
  ['inet', 'log prefix "x" group 3 snaplen 20', [nft.log({ prefix: 'x', group: 3, snaplen: 20 })]],
  ['inet', 'notrack', [nft.notrack()]],
  ['inet', 'meta l4proto tcp th dport 53', [meta('l4proto').is('tcp'), th.dport.is(53)]],
  ['ip', 'ip saddr 10.0.0.0/8 udp sport 5', [ip.saddr.in('10.0.0.0/8'), udp.sport.is(5)]],
  ['ip', 'icmp type echo-request', [icmp.type.is('echo-request')]],
  ['ip6', 'ip6 saddr fe80::1 tcp dport 80', [ip6.saddr.is('fe80::1'), tcp.dport.is(80)]],
  ['ip6', 'icmpv6 type nd-neighbor-solicit', [icmpv6.type.is('nd-neighbor-solicit')]],
  ['bridge', 'ip saddr 1.2.3.4 tcp dport 80', [ip.saddr.is('1.2.3.4'), tcp.dport.is(80)]],
  ['bridge', 'ip6 saddr fe80::1', [ip6.saddr.is('fe80::1')]],
  ['bridge', 'ether saddr 00:11:22:33:44:55', [ether.saddr.is('00:11:22:33:44:55')]],
  ['netdev', 'ip saddr 1.2.3.4', [ip.saddr.is('1.2.3.4')]],
];

const nat: [hook: 'prerouting' | 'postrouting', text: string, expressions: RuleSpec['expressions']][] = [
  ['postrouting', 'oifname != "br0" masquerade', [meta('oifname').isNot('br0'), nft.masquerade()]],
  ['postrouting', 'masquerade random,persistent', [nft.masquerade({ random: true, persistent: true })]],
  [
    'postrouting',
    'tcp dport 7 masquerade to :1000-2000',
    [tcp.dport.is(7), nft.masquerade({ port: '1000-2000' })],
  ],
  ['postrouting', 'snat ip to 1.2.3.4', [nft.snat({ family: 'ip', address: '1.2.3.4' })]],
  [
    'postrouting',
    'tcp dport 7 snat ip to 1.2.3.4-1.2.3.9:10-20 persistent',
    [
      tcp.dport.is(7),
      nft.snat({ family: 'ip', address: '1.2.3.4-1.2.3.9', port: '10-20', persistent: true }),
    ],
  ],
  [
    'prerouting',
    'tcp dport 80 dnat ip to 10.0.0.1:8080',
    [tcp.dport.is(80), nft.dnat({ family: 'ip', address: '10.0.0.1', port: 8080 })],
  ],
  [
    'prerouting',
    'tcp dport 80 dnat ip6 to [fd00::1]:8080',
    [tcp.dport.is(80), nft.dnat({ family: 'ip6', address: 'fd00::1', port: 8080 })],
  ],
  [
    'prerouting',
    'fib daddr type local dnat ip to meta l4proto . th dport map @ports',
    [
      fib.daddr.type.is('local'),
      nft.dnat({ family: 'ip', map: concat(meta('l4proto'), th.dport).map('@ports') }),
    ],
  ],
  [
    'prerouting',
    'dnat ip to meta l4proto . th dport map @hosts',
    [nft.dnat({ family: 'ip', map: concat(meta('l4proto'), th.dport).map('hosts'), gives: 'address' })],
  ],
  ['prerouting', 'tcp dport 80 redirect to :8080', [tcp.dport.is(80), nft.redirect({ port: 8080 })]],
];

const NATIVE_SETS = (family: TableFamily) => {
  const table = { family, table: 't' };
  return new Changes()
    .addTable({ family, name: 't' })
    .addSet({ ...table, name: 'addresses', type: 'ipv4_addr', flags: ['interval'] })
    .addSet({ ...table, name: 'pairs', type: ['ipv4_addr', 'inet_service'] })
    .addSet({ ...table, name: 'verdicts', type: 'inet_service', map: 'verdict' })
    .addSet({
      ...table,
      name: 'ports',
      type: ['inet_proto', 'inet_service'],
      map: ['ipv4_addr', 'inet_service'],
    })
    .addSet({ ...table, name: 'hosts', type: ['inet_proto', 'inet_service'], map: 'ipv4_addr' })
    .addObject({ ...table, name: 'hits', type: 'counter' })
    .addChain({ ...table, name: 'other' });
};

async function empty(netns: Netns): Promise<void> {
  const changes = new Changes();
  for (const table of (await netns.nftables.list()).tables) changes.deleteTable(table);
  await netns.nftables.apply(changes);
}

async function bothPrint(
  family: TableFamily,
  chain: object,
  hook: string,
  rules: [string, RuleSpec['expressions']][],
) {
  await Promise.all([ours, theirs].map(empty));
  const changes = NATIVE_SETS(family).addChain({ family, table: 't', name: 'c', ...chain });
  for (const [, expressions] of rules) changes.addRule({ family, table: 't', chain: 'c', expressions });
  await ours.nftables.apply(changes);
  const texts = rules.map(([text]) => `    ${text}`).join('\n');
  await loadRuleset(theirs, `table ${family} t {${SETS}\n  chain c {\n${hook}\n${texts}\n  }\n}\n`);
  const printed = await listRuleset(ours);
  expect(printed).toBe(await listRuleset(theirs));
  expect(await jsonRuleset(ours)).toEqual(await jsonRuleset(theirs));
}

describe('the same rule as nft', () => {
  test.each(cases)('%s: %s', (family, text, expressions) => bothPrint(family, {}, '', [[text, expressions]]));

  test.each(nat)('nat %s: %s', (hook, text, expressions) => {
    const priority = hook === 'prerouting' ? 'dstnat' : 'srcnat';
    const words = `type nat hook ${hook} priority ${priority}; policy accept;`;
    return bothPrint('inet', { type: 'nat', hook, priority, policy: 'accept' }, words, [[text, expressions]]);
  });

  test('all in one chain', () => {
    const rules = cases
      .filter(([family]) => family === 'inet')
      .map(([, text, rule]) => [text, rule] as [string, Case[2]]);
    return bothPrint('inet', {}, '', rules);
  });
});

/** The same expressions as nft gives the kernel, not only the same text. */
test('read back, they are what nft makes', async () => {
  await Promise.all([ours, theirs].map(empty));
  const rules = cases.filter(([family]) => family === 'inet');
  const changes = NATIVE_SETS('inet').addChain({ family: 'inet', table: 't', name: 'c' });
  for (const [, , expressions] of rules)
    changes.addRule({ family: 'inet', table: 't', chain: 'c', expressions });
  await ours.nftables.apply(changes);
  await loadRuleset(
    theirs,
    `table inet t {${SETS}\n  chain c {\n${rules.map(([, text]) => text).join('\n')}\n  }\n}\n`,
  );
  const read = async (netns: Netns) =>
    (await netns.nftables.list()).rules.map(({ expressions }) => expressions);
  const [mine, nfts] = [await read(ours), await read(theirs)];
  for (const [i, [, text]] of rules.entries()) expect(mine[i], text).toEqual(nfts[i]);
});
