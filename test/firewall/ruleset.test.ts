// Rulesets of nft's own making: read, written again in another namespace, and printed by nft alike.
import { Changes, Netns, type Ruleset } from 'nsnet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jsonRuleset, listRuleset, loadRuleset } from './support/nft.js';

let here: Netns;
let there: Netns;
beforeEach(async () => {
  [here, there] = await Promise.all([Netns.create(), Netns.create()]);
});
afterEach(() => Promise.all([here.close(), there.close()]));

const HOST = `
table inet filter {
  comment "a host's own"
  set blocked { type ipv4_addr; flags interval; auto-merge; elements = { 192.0.2.0/24, 198.51.100.7, 203.0.113.1-203.0.113.9 } }
  set blocked6 { type ipv6_addr; flags interval; elements = { 2001:db8::/32 } }
  set seen { type ipv4_addr; flags dynamic,timeout; timeout 5m; size 1000; }
  set pairs { type ipv4_addr . inet_service; flags interval; comment "both"; elements = { 10.0.0.0/8 . 80-90, 1.2.3.4 . 443 } }
  set names { type ifname; elements = { "eth0", "br-lan" } }
  set marks { type mark; elements = { 1, 0xff00 } }
  set states { typeof ct state; elements = { established, new } }
  set macs { type ether_addr; elements = { 00:11:22:33:44:55 } }
  set types { type icmp_type; elements = { echo-request } }
  set expiring { type ipv4_addr; timeout 1h; elements = { 1.2.3.4 timeout 30m comment "soon" } }
  set counted { type ipv4_addr; counter; elements = { 1.2.3.4 counter packets 5 bytes 6 } }
  map verdicts { type inet_proto . inet_service : verdict; elements = { tcp . 22 : accept, udp . 53 : jump services, tcp . 23 : goto services } }
  map forwards { type inet_service : ipv4_addr . inet_service; elements = { 8080 : 10.0.0.2 . 80 } }
  map marked { type ipv4_addr : mark; flags interval; elements = { 10.0.0.0/8 : 5, * : 7 } }
  map counters { type ipv4_addr : counter; elements = { 1.2.3.4 : "hits" } }
  counter hits { packets 3 bytes 4 comment "counted" }
  quota most { over 25 mbytes used 5 bytes }
  limit slow { rate 5/second burst 7 packets }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif "lo" accept
    ip saddr @blocked counter drop comment "blocked"
    ip6 saddr @blocked6 drop
    meta l4proto . th dport vmap @verdicts
    icmp type { echo-request, destination-unreachable } limit rate 10/second accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    tcp flags & (fin|syn|rst|ack) == syn ct state new add @seen { ip saddr limit rate over 10/minute } drop
    tcp dport { 80, 443, 8000-8100 } accept
    ip saddr . tcp dport @pairs accept
    meta mark set ip saddr map @marked
    log prefix "refused: " level info flags all
    counter name "hits"
    limit name "slow"
    quota name "most"
    counter name ip saddr map @counters
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname @names oifname != "eth*" accept
    tcp flags syn tcp option maxseg size set 1400
    ip saddr 10.0.0.0/9 ip daddr != { 10.1.0.0/16, 10.2.0.1 } jump services
    jump { counter; tcp dport 99 drop; }
    meta time "2030-01-01 00:00:00" drop
    numgen inc mod 3 vmap { 0 : drop, 1 : accept }
    jhash ip saddr mod 4 seed 0xbeef vmap { 0 : return }
  }
  chain services { comment "a chain that is jumped to"; ether saddr @macs return
    udp length > 100 udp dport 53 accept
    ip dscp cs1 ip ttl < 5 drop
    @th,16,16 0x50 accept
  }
}
table ip nat {
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local tcp dport 8080 dnat to 10.0.0.2:80
    tcp dport 81 redirect to :8081
    dnat to ip daddr map { 192.0.2.1 : 10.0.0.3, 192.0.2.2 : 10.0.0.4 }
  }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.0.0.0/8 oifname != "br0" masquerade fully-random
    ip saddr 172.16.0.0/12 snat to 192.0.2.5-192.0.2.9
  }
}
table ip6 raw { chain pre { type filter hook prerouting priority raw; policy accept; notrack
  }
}
table bridge b { chain f { type filter hook forward priority filter; policy accept; ether type ip ip saddr 1.2.3.4 drop
    ether saddr 00:11:22:33:44:55 accept
  }
}
table arp a { chain i { type filter hook input priority filter; policy accept; arp operation request arp saddr ip 1.2.3.4 drop
  }
}
`;

/** As Docker and firewalld make them, by nft. */
const DOCKER = `
table ip docker-bridges {
  map filter-forward-in-jumps { type ifname : verdict; elements = { "docker0" : jump filter-forward-in__docker0 } }
  map nat-postrouting-in-jumps { type ifname : verdict; elements = { "docker0" : jump nat-postrouting-in__docker0 } }
  chain filter-FORWARD { type filter hook forward priority filter; policy accept;
    oifname vmap @filter-forward-in-jumps
  }
  chain nat-OUTPUT { type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
  }
  chain nat-prerouting-and-output { iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80 comment "DNAT"
  }
  chain nat-postrouting-in__docker0 { counter comment "masquerade" ip saddr 172.17.0.0/16
  }
  chain filter-forward-in__docker0 {
    ct state established,related counter accept
    iifname "docker0" counter accept comment "ICC"
    counter drop comment "UNPUBLISHED PORT DROP"
  }
}
table inet firewalld {
  chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT { type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    goto filter_IN_public
  }
  chain filter_IN_public { tcp dport 22 accept
    ip6 daddr fe80::/64 udp dport 546 accept
    meta l4proto { icmp, ipv6-icmp } accept
  }
}
`.replace('comment "masquerade" ip saddr 172.17.0.0/16', 'ip saddr 172.17.0.0/16 comment "masquerade"');

const withoutTime = (text: string) => text.replaceAll(/ expires [\w]+/g, '');

const bytesAsText = (_key: string, value: unknown) =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
/** Without what differs between two of the same: handles, the names of sets without one, the time that is left. */
function comparable(ruleset: Ruleset): unknown {
  const text = JSON.stringify({ ...ruleset, generation: 0 }, (key, value) =>
    key === 'handle' || key === 'expires' ? undefined : bytesAsText(key, value),
  );
  return JSON.parse(text.replaceAll(/__(set|map|chain)\d+/g, '__$1'));
}

test.each([
  ['of a host', HOST],
  ['of Docker and firewalld', DOCKER],
])('the ruleset %s is read, and what is made of it again is the same', async (_name, text) => {
  await loadRuleset(here, text);
  const read = await here.nftables.list();
  await there.nftables.apply(new Changes().addRuleset(read));
  expect(withoutTime(await listRuleset(there))).toBe(withoutTime(await listRuleset(here)));
  const again = comparable(await there.nftables.list()) as Record<string, unknown[]>;
  const first = comparable(read) as Record<string, unknown[]>;
  for (const what of ['tables', 'chains', 'rules', 'objects', 'flowtables'])
    expect(again[what]).toEqual(first[what]);
});

test('what was copied as JSON is the same', async () => {
  await loadRuleset(here, DOCKER);
  const read = structuredClone(await here.nftables.list());
  await there.nftables.apply(new Changes().addRuleset(read));
  expect(await jsonRuleset(there)).toEqual(await jsonRuleset(here));
});

test('of one family, of one table', async () => {
  await loadRuleset(here, HOST);
  const { tables } = await here.nftables.list({ family: 'ip' });
  expect(tables.map(({ name }) => name)).toEqual(['nat']);
  const only = await here.nftables.list({ table: 'filter' });
  expect(new Set(only.chains.map(({ table }) => table))).toEqual(new Set(['filter']));
  expect(only.rules.length).toBeGreaterThan(10);
  expect(await here.nftables.list({ family: 'ip6', table: 'filter' })).toMatchObject({
    tables: [],
    rules: [],
  });
});

test('elements as people write them', async () => {
  await loadRuleset(here, HOST);
  const { sets } = await here.nftables.list({ table: 'filter' });
  const elements = (name: string) => sets.find((set) => set.name === name)?.elements;
  expect(elements('blocked')).toEqual([
    { key: '192.0.2.0/24' },
    { key: '198.51.100.7' },
    { key: '203.0.113.1-203.0.113.9' },
  ]);
  expect(elements('blocked6')).toEqual([{ key: '2001:db8::/32' }]);
  expect(elements('pairs')).toEqual(
    expect.arrayContaining([{ key: ['10.0.0.0/8', '80-90'] }, { key: ['1.2.3.4', 443] }]),
  );
  expect(elements('macs')).toEqual([{ key: '00:11:22:33:44:55' }]);
  expect(elements('types')).toEqual([{ key: 'echo-request' }]);
  expect(elements('verdicts')).toEqual(
    expect.arrayContaining([
      { key: ['tcp', 22], value: { verdict: 'accept' } },
      { key: ['udp', 53], value: { verdict: 'jump', chain: 'services' } },
    ]),
  );
  expect(elements('marked')).toEqual([
    { key: '10.0.0.0/8', value: 5 },
    { key: '*', value: 7 },
  ]);
  expect(elements('counters')).toEqual([{ key: '1.2.3.4', value: 'hits' }]);
  expect(elements('expiring')?.[0]).toMatchObject({ key: '1.2.3.4', timeout: 1_800_000, comment: 'soon' });
});
