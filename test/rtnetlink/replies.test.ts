import { describe, expect, test } from 'vitest';
import { readDone } from '../../lib/netlink/ack.js';
import { Bytes } from '../../lib/netlink/bytes.js';
import { AF, NLMSG } from '../../lib/netlink/constants.js';
import { encodeMessage } from '../../lib/netlink/frames.js';
import type { AddressMessage } from '../../lib/rtnetlink/address.js';
import {
  ARPHRD,
  IF_OPER,
  IFA_F,
  IFAPROT,
  IFF,
  RT_SCOPE,
  RT_TABLE,
  RTN,
  RTNH_F,
  RTPROT,
} from '../../lib/rtnetlink/constants.js';
import { kindData, type LinkMessage, slaveData } from '../../lib/rtnetlink/link.js';
import type { RouteMessage } from '../../lib/rtnetlink/route.js';
import { codecOf } from './codecs.js';
import { frameOf, type Golden, goldens, hasUnknown, read } from './goldens.js';

// The commands that lead to these answers are in capture.py.
const replies = goldens('replies');
const messages = replies.filter((golden) => frameOf(golden).type !== NLMSG.DONE);

function all<T>(title: string): T[] {
  return messages.filter((golden) => golden.title === title).map((golden) => read<T>(golden));
}

function again(golden: Golden): Uint8Array {
  const { type, flags, seq, port } = frameOf(golden);
  return encodeMessage({ type, flags, seq, port }, codecOf(type), read(golden));
}

test.each(messages.map((golden, i) => [`${i} ${golden.title}`, golden] as const))(
  '%s is the same when written again',
  (_, golden) => {
    const { linkinfo } = read<LinkMessage>(golden).attributes;
    if (linkinfo?.kind === 'vxlan') return; // ttlInherit, below
    expect(Buffer.from(again(golden)).toString('hex')).toBe(Buffer.from(golden.content).toString('hex'));
  },
);

test('nothing that the kernel says is unknown', () => {
  for (const golden of messages) expect(hasUnknown(read(golden)), golden.title).toBe(false);
});

test('dumps end well', () => {
  for (const golden of replies.filter((one) => frameOf(one).type === NLMSG.DONE)) {
    expect(readDone(new Bytes(golden.content), frameOf(golden))).toEqual({ error: 0 });
  }
});

describe('links', () => {
  const links = all<LinkMessage>('link');
  const named = (name: string) => links.find((link) => link.attributes.ifname === name) as LinkMessage;

  test('lo', () => {
    expect(named('lo')).toMatchObject({
      family: AF.UNSPEC,
      type: ARPHRD.LOOPBACK,
      index: 1,
      flags: IFF.UP | IFF.LOOPBACK | IFF.RUNNING | IFF.LOWER_UP,
      attributes: {
        mtu: 65536,
        operstate: IF_OPER.UNKNOWN,
        address: '00:00:00:00:00:00',
        qdisc: 'noqueue',
        minMtu: 0,
        maxMtu: 0,
        stats64: { rxPackets: 0, rxOtherhostDropped: 0 },
        afSpec: { inet6: { addrGenMode: 0 } },
      },
    });
    expect(named('lo').attributes).not.toHaveProperty('linkinfo');
    expect(named('lo').attributes).not.toHaveProperty('master');
  });

  test('a veth that is a port of a bridge', () => {
    const port = named('veth-a');
    expect(port.attributes).toMatchObject({
      address: '02:00:00:00:00:0a',
      link: 11,
      master: 12,
      operstate: IF_OPER.UP,
      propList: { altIfname: ['cable', 'another-name'] },
      linkinfo: { kind: 'veth', slaveKind: 'bridge' },
    });
    expect(port.attributes).not.toHaveProperty('linkNetnsid');
    expect(slaveData(port, 'bridge')).toMatchObject({
      priority: 32,
      isolated: 0,
      mode: 0,
      bridgeId: { priority: 32768, address: '02:00:00:00:00:0c' },
    });
    expect(kindData(port, 'veth')).toBeUndefined();
    expect(kindData(port, 'bridge')).toBeUndefined();
    expect(named('veth-b').attributes).toMatchObject({ ifalias: 'uplink', mtu: 1400, link: 10 });
  });

  test('a bridge', () => {
    expect(kindData(named('br0'), 'bridge')).toMatchObject({
      ageingTime: 20000,
      stpState: 1,
      forwardDelay: 1500,
      priority: 32768,
      groupAddr: '01:80:c2:00:00:00',
      rootId: { priority: 32768, address: '02:00:00:00:00:0c' },
      multiBoolopt: { optval: 0 },
      mcastQueryIntvl: 12500,
    });
  });

  test('the same port as the bridge tells it', () => {
    const [port] = all<LinkMessage>("link of the bridge's family");
    expect(port).toMatchObject({
      family: AF.BRIDGE,
      index: 10,
      attributes: { master: 12, protinfo: { priority: 32, isolated: 0 } },
    });
  });

  test('a link as IPv6 tells it', () => {
    const [lo] = all<LinkMessage>("link of IPv6's family");
    expect(lo).toMatchObject({
      family: AF.INET6,
      index: 1,
      attributes: { protinfo: { addrGenMode: 0, cacheinfo: { maxReasmLen: 65535 } } },
    });
  });

  test('a vxlan, one flag of which comes back as a byte', () => {
    const data = kindData(named('vx0'), 'vxlan');
    expect(data).toMatchObject({
      id: 42,
      local: '192.168.1.1',
      port: 4789,
      ttl: 5,
      learning: 0,
      ttlInherit: false,
    });
    expect(data?.portRange).toEqual({ low: 0, high: 0 });
  });

  test('a kind without a table keeps its bytes', () => {
    const { linkinfo } = named('mv0').attributes;
    expect(linkinfo?.kind).toBe('macvlan');
    expect(linkinfo?.data).toBeInstanceOf(Uint8Array);
    expect(linkinfo?.data).toHaveLength(40);
  });
});

describe('addresses', () => {
  test('inet', () => {
    const addresses = all<AddressMessage>('address inet');
    expect(
      addresses.map(({ index, prefixlen, scope, flags }) => ({ index, prefixlen, scope, flags })),
    ).toEqual([
      { index: 1, prefixlen: 8, scope: RT_SCOPE.HOST, flags: IFA_F.PERMANENT },
      { index: 11, prefixlen: 32, scope: RT_SCOPE.UNIVERSE, flags: IFA_F.PERMANENT },
      { index: 12, prefixlen: 24, scope: RT_SCOPE.UNIVERSE, flags: IFA_F.PERMANENT },
      { index: 12, prefixlen: 24, scope: RT_SCOPE.UNIVERSE, flags: IFA_F.SECONDARY },
    ]);
    expect(addresses[1]!.attributes).toMatchObject({
      local: '10.0.0.1',
      address: '10.0.0.2',
      label: 'veth-b',
    });
    expect(addresses[1]!.attributes).not.toHaveProperty('broadcast');
    expect(addresses[2]!.attributes).toMatchObject({ local: '192.168.1.1', broadcast: '192.168.1.255' });
    expect(addresses[3]!.attributes).toMatchObject({
      label: 'br0:1',
      cacheinfo: { preferred: 2000, valid: 4000 },
    });
  });

  test('inet6', () => {
    const addresses = all<AddressMessage>('address inet6');
    const of = (text: string) => addresses.find(({ attributes }) => attributes.address === text);
    expect(of('::1')).toMatchObject({
      prefixlen: 128,
      scope: RT_SCOPE.HOST,
      attributes: { proto: IFAPROT.KERNEL_LO },
    });
    expect(of('fd00::1')?.attributes).not.toHaveProperty('local');
    expect(of('fd01::1')).toMatchObject({
      flags: IFA_F.PERMANENT | IFA_F.NODAD,
      attributes: { flags: IFA_F.PERMANENT | IFA_F.NODAD | IFA_F.NOPREFIXROUTE },
    });
    expect(of('fd02::2')?.attributes.local).toBe('fd02::1');
    expect(of('fe80::ff:fe00:a')?.attributes.flags).toBe(IFA_F.PERMANENT | IFA_F.TENTATIVE);
  });
});

describe('routes', () => {
  const of = (family: string, dst: string | undefined) =>
    all<RouteMessage>(`route ${family}`).find(({ attributes }) => attributes.dst === dst) as RouteMessage;

  test('inet', () => {
    expect(of('inet', undefined)).toMatchObject({
      dstLen: 0,
      table: RT_TABLE.MAIN,
      type: RTN.UNICAST,
      protocol: RTPROT.BOOT,
      attributes: { gateway: '192.168.1.254', priority: 100, oif: 12, table: RT_TABLE.MAIN },
    });
    expect(of('inet', '10.1.0.0')).toMatchObject({
      dstLen: 16,
      table: RT_TABLE.COMPAT,
      protocol: RTPROT.STATIC,
      attributes: { table: 1000, prefsrc: '192.168.1.1' },
    });
    expect(of('inet', '10.3.0.0').attributes.metrics).toEqual({
      lock: 4,
      mtu: 1300,
      advmss: 1200,
      ccAlgo: 'reno',
    });
    expect(of('inet', '10.4.0.0').type).toBe(RTN.BLACKHOLE);
    expect(of('inet', '10.5.0.0')).toMatchObject({ type: RTN.UNREACHABLE, attributes: { priority: 5 } });
    expect(of('inet', '10.6.0.0').attributes.via).toEqual({ family: AF.INET6, address: 'fe80::7' });
  });

  test('inet over several ways', () => {
    expect(of('inet', '10.2.0.0').attributes.multipath).toEqual([
      { flags: RTNH_F.LINKDOWN, hops: 2, index: 12, attributes: { gateway: '192.168.1.253' } },
      { flags: RTNH_F.ONLINK, hops: 0, index: 11, attributes: { gateway: '10.0.0.2' } },
    ]);
  });

  test('inet6', () => {
    expect(of('inet6', 'fd10::')).toMatchObject({
      dstLen: 32,
      attributes: { gateway: 'fd00::fe', priority: 50, pref: 1 },
    });
    expect(of('inet6', 'fd11::').attributes.multipath).toHaveLength(2);
    expect(of('inet6', 'fd12::').attributes.cacheinfo?.expires).toBeGreaterThan(0);
    expect(of('inet6', 'fd13::').type).toBe(RTN.UNREACHABLE);
  });
});
