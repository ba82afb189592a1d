// What the headers of packets say, and what people are told of them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Decoded, decode, Packet, sequenceDiagram } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import {
  A,
  arp,
  B,
  ethernet,
  fragment6,
  frames,
  icmp,
  ipv4,
  ipv6,
  pcap,
  tcp,
  udp,
} from './support/packets.js';
import { lines } from './support/tcpdump.js';

const packet = (bytes: Uint8Array, rest: Partial<Packet> = {}) =>
  new Packet({
    time: 1_700_000_000_123_456_789n,
    link: 'eth0',
    ifindex: 2,
    direction: 'in',
    length: bytes.length,
    linkType: 'ethernet',
    ...rest,
    bytes,
  });

describe('layers', () => {
  test('Ethernet with two tags', () => {
    const tags = [{ id: 7, protocol: 0x88a8, priority: 5 }, { id: 4095 }];
    expect(decode(ethernet(0x1234, [1, 2, 3], { tags }))).toEqual({
      layers: [
        {
          layer: 'ethernet',
          source: A.mac,
          destination: B.mac,
          type: 0x1234,
          vlans: [
            { protocol: 0x88a8, id: 7, priority: 5, dropEligible: false },
            { protocol: 0x8100, id: 4095, priority: 0, dropEligible: false },
          ],
        },
      ],
      payload: Uint8Array.of(1, 2, 3),
    });
  });

  test('ARP, with what fills the frame', () => {
    const frame = ethernet(0x806, [...arp(1, A.inet, B.inet), ...new Array(18).fill(0)]);
    const { layers, payload } = decode(frame);
    expect(layers[1]).toEqual({
      layer: 'arp',
      operation: 1,
      sender: { mac: A.mac, address: A.inet },
      target: { mac: '00:00:00:00:00:00', address: B.inet },
    });
    expect(payload).toHaveLength(0);
  });

  test('TCP over IPv4, both with options', () => {
    const options = [
      2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 3, 3, 7, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0,
    ];
    const bytes = ethernet(0x800, [
      ...ipv4(6, tcp(1, 2, 0x52, [5, 6], options), { options: [1, 1, 1, 0], tos: 0xb9, fragment: 0x4000 }),
      0,
      0,
    ]);
    const { layers, payload } = decode(bytes);
    expect(layers[1]).toMatchObject({
      dscp: 46,
      ecn: 1,
      dontFragment: true,
      headerLength: 24,
      protocol: 6,
      ttl: 64,
      id: 7,
    });
    expect(layers[2]).toEqual({
      layer: 'tcp',
      sourcePort: 1,
      destinationPort: 2,
      sequence: 1000,
      acknowledgment: 2000,
      flags: { fin: false, syn: true, rst: false, psh: false, ack: true, urg: false, ece: true, cwr: false },
      window: 512,
      checksum: 0,
      urgentPointer: 0,
      headerLength: 52,
      options: {
        mss: 1460,
        windowScale: 7,
        sackPermitted: true,
        sack: [{ left: 1, right: 2 }],
        timestamps: { value: 9, echo: 8 },
        bytes: Uint8Array.from(options),
      },
    });
    expect(payload).toEqual(Uint8Array.of(5, 6));
  });

  test('IPv6 with extension headers', () => {
    const bytes = ethernet(
      0x86dd,
      ipv6(0, [60, 0, 5, 2, 0, 0, 1, 0, 44, 0, 1, 4, 0, 0, 0, 0, ...fragment6(17, 0, udp(5, 6, [1]))]),
    );
    const { layers, payload } = decode(bytes);
    expect(layers[1]).toMatchObject({
      layer: 'ipv6',
      source: A.inet6,
      destination: B.inet6,
      protocol: 17,
      extensions: [{ protocol: 0 }, { protocol: 60 }, { protocol: 44 }],
      fragment: { id: 99, offset: 0, moreFragments: true },
    });
    expect(layers[2]).toMatchObject({ layer: 'udp', sourcePort: 5, destinationPort: 6, length: 9 });
    expect(payload).toEqual(Uint8Array.of(1));
  });

  test('later fragments have no header of what they carry', () => {
    expect(
      decode(ethernet(0x800, ipv4(17, udp(1, 2), { fragment: 5 }))).layers.map(({ layer }) => layer),
    ).toEqual(['ethernet', 'ipv4']);
    const later = decode(ethernet(0x86dd, ipv6(44, fragment6(17, 1448, udp(1, 2)))));
    expect(later.layers.map(({ layer }) => layer)).toEqual(['ethernet', 'ipv6']);
    expect(later.payload).toHaveLength(8);
  });

  test('errors quote the packet that they are about', () => {
    const { layers } = decode(
      Uint8Array.from(ipv4(1, icmp(3, 4, [0, 0, 5, 120, ...ipv4(17, udp(5, 53))]))),
      'raw',
    );
    expect(layers[1]).toMatchObject({
      layer: 'icmp',
      type: 3,
      code: 4,
      mtu: 1400,
      quoted: [
        { layer: 'ipv4', destination: B.inet },
        { layer: 'udp', destinationPort: 53 },
      ],
    });
  });

  test('a neighbour solicitation', () => {
    const body = icmp(135, 0, [0, 0, 0, 0, ...new Uint8Array(15), 9, 1, 1, 2, 0, 0, 0, 0, 10]);
    expect(decode(ethernet(0x86dd, ipv6(58, body))).layers[2]).toMatchObject({
      layer: 'icmpv6',
      type: 135,
      target: '::9',
      mac: A.mac,
    });
  });

  test('a frame without Ethernet', () => {
    expect(decode(Uint8Array.from(ipv6(6, tcp(1, 2, 2))), 'raw').layers.map(({ layer }) => layer)).toEqual([
      'ipv6',
      'tcp',
    ]);
    expect(decode(Uint8Array.of(0x20, 1, 2), 'raw')).toEqual({
      layers: [],
      payload: Uint8Array.of(0x20, 1, 2),
    });
    expect(decode(new Uint8Array(), 'raw')).toEqual({ layers: [], payload: new Uint8Array() });
  });

  test('wrong arguments', () => {
    expect(() => decode('x' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => decode(new Uint8Array(), 'x' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

describe('malformed packets never throw', () => {
  const linkType = fc.constantFrom('ethernet' as const, 'raw' as const);
  /** All that is said of them, to be sure. */
  const tell = (bytes: Uint8Array, type: 'ethernet' | 'raw'): Decoded => {
    const one = packet(bytes, { linkType: type });
    expect(String(one)).toBeTypeOf('string');
    expect(sequenceDiagram([one])).toBeTypeOf('string');
    return decode(bytes, type);
  };

  test('cut off anywhere', () => {
    for (const frame of frames()) {
      for (let end = 0; end <= frame.length && end < 200; end++) {
        const whole = decode(frame);
        const part = tell(frame.subarray(0, end), 'ethernet');
        expect(part.layers.length).toBeLessThanOrEqual(whole.layers.length);
        for (const [i, layer] of part.layers.entries()) expect(layer.layer).toBe(whole.layers[i]!.layer);
      }
    }
  });

  test('changed anywhere', () => {
    const changed = fc.tuple(
      fc.constantFrom(...frames()),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 8 }),
    );
    fc.assert(
      fc.property(changed, linkType, ([frame, changes], type) => {
        const bytes = frame.slice();
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        tell(type === 'raw' ? bytes.subarray(14) : bytes, type);
      }),
      { numRuns: scaled(6000) },
    );
  });

  test('of nothing but noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), linkType, (bytes, type) => void tell(bytes, type)),
      { numRuns: scaled(4000) },
    );
  });
});

test('lines are those of tcpdump', async () => {
  const timestamps = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8];
  const told = [arp(1, A.inet, B.inet), arp(2, B.inet, A.inet)].map((body) => ethernet(0x806, body));
  const v4 = [
    ipv4(1, icmp(8, 0)),
    ipv4(1, icmp(0, 0)),
    ipv4(1, icmp(3, 3, [0, 0, 0, 0, ...ipv4(17, udp(5000, 5001))])),
    ipv4(1, icmp(3, 1, [0, 0, 0, 0, ...ipv4(17, udp(5000, 5001))])),
    ipv4(1, icmp(3, 0, [0, 0, 0, 0, ...ipv4(6, tcp(5000, 5001, 2))])),
    ipv4(1, icmp(3, 4, [0, 0, 5, 120, ...ipv4(6, tcp(5000, 5001, 2))])),
    ipv4(1, icmp(11, 0, [0, 0, 0, 0, ...ipv4(17, udp(5000, 5001))])),
    ipv4(6, tcp(40000, 5001, 0x02, [], [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 3, 3, 7])),
    ipv4(6, tcp(5001, 40000, 0x12, [], timestamps)),
    ipv4(6, tcp(40000, 5001, 0x10, [], [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2])),
    ipv4(6, tcp(40000, 5001, 0x18, [1, 2, 3])),
    ipv4(6, tcp(40000, 5001, 0x11)),
    ipv4(6, tcp(40000, 5001, 0x04)),
    ipv4(6, tcp(40000, 5001, 0xc2)),
    ipv4(6, tcp(40000, 5001, 0x30)),
    ipv4(6, tcp(40000, 5001, 0)),
    ipv4(17, udp(40000, 5001, [1, 2])),
    ipv4(17, udp(40000, 5001, [1, 2]), { to: '255.255.255.255' }),
    ipv4(17, [0, 53, 0, 53, 1, 2, 3, 4], { fragment: 0x00b9 }),
  ];
  const v6 = [
    ipv6(58, icmp(128, 0)),
    ipv6(58, icmp(129, 0)),
    ipv6(58, icmp(135, 0, [0, 0, 0, 0, ...new Uint8Array(15), 9])),
    ipv6(58, icmp(136, 0, [0, 0, 0, 0, ...new Uint8Array(15), 9])),
    ipv6(58, icmp(133, 0, [0, 0, 0, 0])),
    ipv6(58, icmp(1, 4, [0, 0, 0, 0, ...ipv6(17, udp(5000, 5001))])),
    ipv6(58, icmp(2, 0, [0, 0, 5, 120, ...ipv6(6, tcp(5000, 5001, 2))])),
    ipv6(58, icmp(3, 0, [0, 0, 0, 0, ...ipv6(17, udp(5000, 5001))])),
    ipv6(6, tcp(40000, 5001, 0x02)),
    ipv6(17, udp(40000, 5001, [1])),
  ];
  const all = [
    ...told,
    ...v4.map((body) => ethernet(0x800, body)),
    ...v6.map((body) => ethernet(0x86dd, body)),
  ];
  const directory = await mkdtemp(join(tmpdir(), 'nsnet-lines-'));
  try {
    await writeFile(join(directory, 'x.pcap'), pcap(all));
    const ours = all.map((bytes) => String(packet(bytes)).replace(/^\d\d:\d\d:\d\d\.123456 eth0 In {2}/, ''));
    expect(ours).toEqual(await lines(join(directory, 'x.pcap')));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('other lines', () => {
  expect(String(packet(ethernet(0x1234, [1])))).toMatch(
    /In {2}02:00:00:00:00:0a > 02:00:00:00:00:0b, ethertype 0x1234, length 15$/,
  );
  expect(
    String(packet(ethernet(0x806, arp(1, A.inet, B.inet), { tags: [{ id: 5 }] }), { direction: 'out' })),
  ).toMatch(/Out vlan 5, p 0, ARP, Request/);
  expect(String(packet(ethernet(0x800, ipv4(6, tcp(1, 2, 2))).subarray(0, 40)))).toMatch(
    /\[malformed or cut off\]$/,
  );
});

test('a sequence diagram', () => {
  const reversed = { from: B.inet, to: A.inet };
  const packets = [
    ethernet(0x806, arp(1, A.inet, B.inet), { to: 'ff:ff:ff:ff:ff:ff' }),
    ethernet(0x806, arp(2, B.inet, A.inet)),
    ethernet(0x800, ipv4(1, icmp(8, 0))),
    ethernet(0x800, ipv4(1, icmp(0, 0), reversed)),
    ethernet(0x800, ipv4(6, tcp(40000, 80, 2), { to: '10.0.9.9' })),
    ethernet(0x800, ipv4(17, udp(5, 6, [1, 2]), { to: '224.0.0.251' }), { to: '01:00:5e:00:00:fb' }),
    ethernet(0x800, ipv4(17, udp(5, 6), { to: A.inet })),
  ].map((bytes) => packet(bytes));
  const text = sequenceDiagram(packets, { names: { [A.inet]: 'test1', [B.inet]: 'test2' } });
  expect(text).toMatchInlineSnapshot(`
    "test1                                       test2         10.0.9.9        everybody
      |                                           |               |               |
      |---------- ARP who-has 10.0.0.2 ---------->|               |               |
      |<- ARP 10.0.0.2 is-at 02:00:00:00:00:0a ---|               |               |
      |-------- ICMP echo request, seq 2 -------->|               |               |
      |<-------- ICMP echo reply, seq 2 ----------|               |               |
      |------------------- TCP 40000 > 80 [S] ------------------->|               |
      |---------------------------- UDP 5 > 6 2 bytes --------------------------->|
      |-- UDP 5 > 6 0 bytes (to itself)
      |                                           |               |               |
    "
  `);
  expect(sequenceDiagram([])).toBe('');
  expect(() => sequenceDiagram([{} as never])).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
});
