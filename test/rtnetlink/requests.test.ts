import { expect, test } from 'vitest';
import { AF, NLM_F } from '../../lib/netlink/constants.js';
import { encodeMessage } from '../../lib/netlink/frames.js';
import { type AddressRequest, address } from '../../lib/rtnetlink/address.js';
import { IFA_F, IFF, RT_SCOPE, RT_TABLE, RTM, RTN, RTPROT } from '../../lib/rtnetlink/constants.js';
import { type LinkRequest, link } from '../../lib/rtnetlink/link.js';
import { type RouteRequest, route } from '../../lib/rtnetlink/route.js';
import { codecOf } from './codecs.js';
import { frameOf, goldens, read } from './goldens.js';

const ACK = NLM_F.REQUEST | NLM_F.ACK;
const NEW = ACK | NLM_F.CREATE | NLM_F.EXCL;
const unicast = { table: RT_TABLE.MAIN, protocol: RTPROT.BOOT, scope: RT_SCOPE.UNIVERSE, type: RTN.UNICAST };

const links: Record<string, [flags: number, request: LinkRequest]> = {
  'ip link add veth-test1 type veth peer name veth-test2': [
    NEW,
    {
      attributes: {
        ifname: 'veth-test1',
        linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'veth-test2' } } } },
      },
    },
  ],
  'ip link add veth-x up mtu 1400 address 02:00:00:00:00:01 type veth peer name veth-y address 02:00:00:00:00:02':
    [
      NEW,
      {
        flags: IFF.UP,
        change: IFF.UP,
        attributes: {
          mtu: 1400,
          address: '02:00:00:00:00:01',
          ifname: 'veth-x',
          linkinfo: {
            kind: 'veth',
            data: { peer: { attributes: { address: '02:00:00:00:00:02', ifname: 'veth-y' } } },
          },
        },
      },
    ],
  'ip link set veth-test1 up': [ACK, { index: 3, flags: IFF.UP, change: IFF.UP }],
  'ip link set veth-test1 name eth0': [ACK, { index: 3, attributes: { ifname: 'eth0' } }],
  'ip link set eth0 mtu 1400 address 02:00:00:00:00:03 alias cable': [
    ACK,
    { index: 3, attributes: { mtu: 1400, address: '02:00:00:00:00:03', ifalias: 'cable' } },
  ],
  'ip link add docker0 type bridge': [
    NEW,
    { attributes: { ifname: 'docker0', linkinfo: { kind: 'bridge' } } },
  ],
  'ip link add br1 type bridge stp_state 1 vlan_filtering 1 ageing_time 20000': [
    NEW,
    {
      attributes: {
        ifname: 'br1',
        linkinfo: { kind: 'bridge', data: { stpState: 1, vlanFiltering: 1, ageingTime: 20000 } },
      },
    },
  ],
  'ip link set eth0 master docker0': [ACK, { index: 3, attributes: { master: 6 } }],
  'ip link set eth0 nomaster': [ACK, { index: 3, attributes: { master: 0 } }],
  'ip link property add dev eth0 altname cable': [
    NEW | NLM_F.APPEND,
    { index: 3, attributes: { propList: { altIfname: ['cable'] } } },
  ],
  'ip link add vx0 type vxlan id 42 local 192.168.1.1 remote 192.168.1.2 dstport 4789 nolearning': [
    NEW,
    {
      attributes: {
        ifname: 'vx0',
        linkinfo: {
          kind: 'vxlan',
          data: { id: 42, local: '192.168.1.1', group: '192.168.1.2', learning: 0, port: 4789 },
        },
      },
    },
  ],
  'ip link set docker0 up': [ACK, { index: 6, flags: IFF.UP, change: IFF.UP }],
  'ip link del eth0': [ACK, { index: 3 }],
};

const inet = { family: AF.INET, index: 6 };
const addresses: Record<string, [flags: number, request: AddressRequest]> = {
  'ip addr add 192.168.1.1/24 dev docker0': [
    NEW,
    { ...inet, prefixlen: 24, attributes: { local: '192.168.1.1', address: '192.168.1.1' } },
  ],
  'ip addr add 172.17.0.1/16 brd + dev docker0': [
    NEW,
    {
      ...inet,
      prefixlen: 16,
      attributes: { local: '172.17.0.1', address: '172.17.0.1', broadcast: '172.17.255.255' },
    },
  ],
  'ip addr add fd00::1/64 dev docker0 nodad': [
    NEW,
    {
      family: AF.INET6,
      index: 6,
      prefixlen: 64,
      flags: IFA_F.NODAD,
      attributes: { local: 'fd00::1', address: 'fd00::1' },
    },
  ],
  'ip addr add 10.0.0.1 peer 10.0.0.2/32 dev docker0': [
    NEW,
    { ...inet, prefixlen: 32, attributes: { local: '10.0.0.1', address: '10.0.0.2' } },
  ],
  'ip addr add 10.9.0.1/16 dev docker0 valid_lft 4000 preferred_lft 2000': [
    NEW,
    {
      ...inet,
      prefixlen: 16,
      attributes: { local: '10.9.0.1', address: '10.9.0.1', cacheinfo: { preferred: 2000, valid: 4000 } },
    },
  ],
  'ip addr del 10.9.0.1/16 dev docker0': [
    ACK,
    { ...inet, prefixlen: 16, attributes: { local: '10.9.0.1', address: '10.9.0.1' } },
  ],
};

const routes: Record<string, [flags: number, request: RouteRequest]> = {
  'ip route add default via 192.168.1.254': [
    NEW,
    { ...unicast, family: AF.INET, attributes: { gateway: '192.168.1.254' } },
  ],
  'ip route add 10.1.0.0/16 via 192.168.1.253 dev docker0 metric 7 table 1000': [
    NEW,
    {
      ...unicast,
      table: RT_TABLE.UNSPEC,
      family: AF.INET,
      dstLen: 16,
      attributes: { dst: '10.1.0.0', gateway: '192.168.1.253', priority: 7, table: 1000, oif: 6 },
    },
  ],
  'ip route add 10.2.0.0/16 nexthop via 192.168.1.253 weight 3 nexthop via 192.168.1.252': [
    NEW,
    {
      ...unicast,
      family: AF.INET,
      dstLen: 16,
      attributes: {
        dst: '10.2.0.0',
        multipath: [
          { hops: 2, attributes: { gateway: '192.168.1.253' } },
          { attributes: { gateway: '192.168.1.252' } },
        ],
      },
    },
  ],
  'ip route replace 10.1.0.0/16 dev docker0 table 1000': [
    ACK | NLM_F.CREATE | NLM_F.REPLACE,
    {
      ...unicast,
      scope: RT_SCOPE.LINK,
      table: RT_TABLE.UNSPEC,
      family: AF.INET,
      dstLen: 16,
      attributes: { dst: '10.1.0.0', table: 1000, oif: 6 },
    },
  ],
  'ip route add fd10::/32 via fd00::fe': [
    NEW,
    { ...unicast, family: AF.INET6, dstLen: 32, attributes: { dst: 'fd10::', gateway: 'fd00::fe' } },
  ],
  'ip route add 10.3.0.0/16 dev docker0 mtu lock 1300 src 192.168.1.1': [
    NEW,
    {
      ...unicast,
      scope: RT_SCOPE.LINK,
      family: AF.INET,
      dstLen: 16,
      attributes: { dst: '10.3.0.0', prefsrc: '192.168.1.1', oif: 6, metrics: { mtu: 1300, lock: 4 } },
    },
  ],
  'ip route del default': [
    ACK,
    { family: AF.INET, table: RT_TABLE.MAIN, scope: RT_SCOPE.NOWHERE, attributes: {} },
  ],
};

const captured = new Map(goldens('requests').map((golden) => [golden.title, golden]));
const cases = [
  ...Object.entries(links).map(([title, [flags, request]]) => ({ title, flags, codec: link, request })),
  ...Object.entries(addresses).map(([title, [flags, request]]) => ({
    title,
    flags,
    codec: address,
    request,
  })),
  ...Object.entries(routes).map(([title, [flags, request]]) => ({ title, flags, codec: route, request })),
];

test.each(cases)('$title', ({ title, flags, request }) => {
  const golden = captured.get(title)!;
  const { type, flags: given } = frameOf(golden);
  expect(given).toBe(flags);
  const header = { type, flags, seq: 0, port: 0 };
  const ours = encodeMessage(header, codecOf(type), request);
  // ip leaves out the NUL of a kind or an alias: its bytes are compared as we would write them.
  const theirs = encodeMessage(header, codecOf(type), read(golden));
  expect(Buffer.from(ours).toString('hex')).toBe(Buffer.from(theirs).toString('hex'));
  if (!/ type | alias /.test(title)) expect(ours).toEqual(golden.content);
});

test('all of the requests that were captured are told apart by type', () => {
  const types = [...captured.values()].map((golden) => frameOf(golden).type);
  expect(new Set(types)).toEqual(
    new Set([
      RTM.NEWLINK,
      RTM.DELLINK,
      RTM.NEWLINKPROP,
      RTM.NEWADDR,
      RTM.DELADDR,
      RTM.NEWROUTE,
      RTM.DELROUTE,
    ]),
  );
});
