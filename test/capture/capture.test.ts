// Packets that are caught, in the kernel's own words.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Netns, NsnetError, Packet, Scope, type Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cable, FAR, NEAR } from '../sockets/cable.js';
import { ip } from '../support/witness.js';
import { FILTERS } from './support/filters.js';
import { A, B, ethernet, frames, ipv4, pcap, udp } from './support/packets.js';
import { accepted } from './support/tcpdump.js';
import { rest, Wire as Sender } from './support/wire.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let ends: [Veth, Veth];
let wire: Sender;
let directory: string;

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

beforeAll(async () => {
  ({ near, far, ends } = await cable(scope));
  // What the kernels say to each other by themselves would come between.
  await Promise.all([near, far].map((netns) => netns.sysctl('net.ipv6.conf.eth0.router_solicitations', 0)));
  wire = await scope.use(Sender.open(far, ends[1].index));
  directory = await mkdtemp(join(tmpdir(), 'nsnet-capture-'));
});

afterAll(async () => {
  await scope[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test('a ping, both ways', async () => {
  await near.ping(FAR.inet, { count: 1 });
  await using capture = near.capture({ links: 'eth0', filter: 'icmp' });
  await capture.ready;
  const before = BigInt(Date.now() - 5) * 1_000_000n;
  await near.ping(FAR.inet, { count: 1, size: 100 });
  const packets = await rest(capture);
  const common = {
    link: 'eth0',
    ifindex: ends[0].index,
    length: 142,
    linkType: 'ethernet',
    malformed: false,
  };
  expect(packets).toMatchObject([
    {
      ...common,
      direction: 'out',
      ipv4: { source: NEAR.inet, destination: FAR.inet },
      icmp: { type: 8, sequence: 1 },
    },
    {
      ...common,
      direction: 'in',
      ipv4: { source: FAR.inet, destination: NEAR.inet },
      icmp: { type: 0, sequence: 1 },
    },
  ]);
  const [request, reply] = packets as [Packet, Packet];
  expect(request).toBeInstanceOf(Packet);
  expect(request.ethernet).toMatchObject({
    source: ends[0].info.mac,
    destination: ends[1].info.mac,
    type: 0x800,
  });
  expect(request.payload).toHaveLength(100);
  expect(request.time).toBeGreaterThan(before);
  expect(reply.time).toBeGreaterThan(request.time);
  expect(reply.time).toBeLessThan(BigInt(Date.now() + 5) * 1_000_000n);
  expect(capture.stats()).toEqual({
    received: 2,
    dropped: 0,
    droppedByKernel: 0,
    droppedByReader: 0,
    written: 0,
  });
});

test('on lo each packet is there once', async () => {
  await using capture = near.capture({ filter: 'icmp or icmp6' });
  await capture.ready;
  await near.ping('127.0.0.1', { count: 2, interval: 1 });
  await near.ping('::1', { count: 1 });
  const packets = await rest(capture);
  expect(packets.map(({ link, icmp, icmpv6 }) => `${link} ${icmp?.type ?? icmpv6?.type}`)).toEqual([
    'lo 8',
    'lo 0',
    'lo 8',
    'lo 0',
    'lo 128',
    'lo 129',
  ]);
});

test('frames are those that were sent, VLAN tags included', async () => {
  await using capture = near.capture({ links: ends[0] });
  await capture.ready;
  for (const frame of frames()) wire.send(frame);
  const packets = (await rest(capture)).filter(({ direction }) => direction === 'in');
  expect(packets.map(({ bytes }) => hex(bytes))).toEqual(frames().map(hex));
  expect(packets.map(({ length }) => length)).toEqual(frames().map(({ length }) => length));
  const tags = packets.flatMap(({ ethernet }) =>
    ethernet?.vlans.length ? [ethernet.vlans.map(({ id }) => id)] : [],
  );
  expect(tags).toEqual([[5], [5], [5], [100], [100], [100], [7, 5], [7, 5], [7, 5], [5], [5], [100, 200]]);
});

test('sent frames with a tag have it as well', async () => {
  await using out = await Sender.open(near, ends[0].index);
  await using capture = near.capture();
  await capture.ready;
  const tagged = frames().filter((frame) => frame[12] === 0x81);
  for (const frame of tagged) out.send(frame);
  const packets = (await rest(capture)).filter(({ direction }) => direction === 'out');
  expect(packets.map(({ bytes }) => hex(bytes))).toEqual(tagged.map(hex));
});

test('filters in the kernel accept what tcpdump accepts', async () => {
  const file = join(directory, 'frames.pcap');
  await writeFile(file, pcap(frames()));
  const numbers = new Map(frames().map((frame, i) => [hex(frame), i]));
  // What is about tags is done in another way there; of the rest a part will do.
  const chosen = FILTERS.filter((filter, i) => i % 5 === 0 || /vlan|ether\[1/.test(filter));
  for (let i = 0; i < chosen.length; i += 30) {
    const some = chosen.slice(i, i + 30);
    const captures = some.map((filter) =>
      near.capture({ filter: `(inbound) and (${filter})`, buffer: '1M' }),
    );
    await Promise.all(captures.map(({ ready }) => ready));
    for (const frame of frames()) wire.send(frame);
    const found = await Promise.all(captures.map(rest));
    for (const [at, filter] of some.entries()) {
      // The kernel of the other end sends packets of its own.
      const caught = found[at]!.map(({ bytes }) => numbers.get(hex(bytes))).filter((i) => i !== undefined);
      expect({ filter, caught }).toEqual({ filter, caught: await accepted(file, filter) });
    }
  }
});

test('no packet precedes the filter', async () => {
  const frame = ethernet(0x800, ipv4(17, udp(1, 2)));
  let sending = true;
  const flood = async () => {
    while (sending) {
      for (let i = 0; i < 50; i++) wire.send(frame);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const flooding = flood();
  try {
    for (let i = 0; i < 20; i++) {
      const capture = near.capture({ filter: 'tcp', links: ['lo', 'eth0'] });
      await capture.ready;
      expect(await rest(capture)).toEqual([]);
    }
  } finally {
    sending = false;
    await flooding;
  }
});

test('a program of BPF', async () => {
  // Takes 20 bytes of frames to one's own address, and nothing of others.
  const filter = [
    { code: 0x28, jt: 0, jf: 0, k: 4 },
    { code: 0x15, jt: 0, jf: 1, k: 0x000b },
    { code: 0x06, jt: 0, jf: 0, k: 20 },
    { code: 0x06, jt: 0, jf: 0, k: 0 },
  ];
  await using capture = near.capture({ filter });
  await capture.ready;
  wire.send(ethernet(0x800, ipv4(17, udp(1, 2)), { to: B.mac }));
  wire.send(ethernet(0x800, ipv4(17, udp(1, 2)), { to: A.mac }));
  expect(await rest(capture)).toMatchObject([{ bytes: { length: 20 }, length: 42, malformed: true }]);
});

test.each([1, 13, 15, 17, 60])('snaplen %i, with and without a tag', async (snaplen) => {
  await using capture = near.capture({ snaplen, filter: 'inbound' });
  await capture.ready;
  const sent = [
    ethernet(0x800, ipv4(17, udp(1, 2))),
    ethernet(0x800, ipv4(17, udp(1, 2)), { tags: [{ id: 9 }] }),
  ];
  for (const frame of sent) wire.send(frame);
  const packets = await rest(capture);
  expect(packets.map(({ bytes }) => hex(bytes))).toEqual(
    sent.map((frame) => hex(frame.subarray(0, snaplen))),
  );
  expect(packets.map(({ length }) => length)).toEqual(sent.map((frame) => frame.length));
});

describe('links', () => {
  test('by name, index, alternative name and object; those not chosen are not heard', async () => {
    await ends[0].set({ altNames: ['the-cable'] });
    const refs = ['eth0', ends[0].index, 'the-cable', ends[0]];
    const captures = refs.map((links) => near.capture({ links, filter: 'icmp' }));
    await Promise.all(captures.map(({ ready }) => ready));
    await near.ping('127.0.0.1', { count: 1 });
    await near.ping(FAR.inet, { count: 1 });
    for (const capture of captures)
      expect(await rest(capture)).toMatchObject([{ link: 'eth0' }, { link: 'eth0' }]);
  });

  test('that there are not: ENODEV', async () => {
    const capture = near.capture({ links: ['lo', 'eth7'] });
    await expect(capture.ready).rejects.toMatchObject({
      name: 'NsnetError',
      code: 'ENODEV',
      message: expect.stringContaining("'eth7'"),
    });
    await expect(capture.next()).rejects.toBeInstanceOf(NsnetError);
    await capture.close();
  });

  test('of another namespace are refused', () => {
    expect(() => near.capture({ links: ends[1] })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  test('that come later are heard, and what they are called then', async () => {
    await using own = new Scope();
    const pair = await cable(own);
    const capture = pair.near.capture({ filter: 'icmp' });
    await capture.ready;
    await pair.near.ping(FAR.inet, { count: 1 });
    await capture.next();
    await capture.next();
    await pair.ends[0].down();
    await pair.ends[0].set({ name: 'other' });
    await pair.ends[0].up();
    await pair.ends[0].ready();
    await pair.near.ping(FAR.inet, { count: 1 });
    expect((await rest(capture)).map(({ link }) => link)).toEqual(['other', 'other']);
  });
});

test('promiscuous: for as long as it lasts', async () => {
  const inside = { netnsFd: near.fd, userFd: undefined as number | undefined };
  await using owner = await near.owner().catch(() => undefined);
  if (process.getuid?.() !== 0 && owner) inside.userFd = owner.fd;
  const promiscuity = async () => (await ip(inside, 'link', 'show', 'dev', 'eth0'))[0]?.promiscuity;
  const capture = near.capture({ promiscuous: true });
  await capture.ready;
  expect(await promiscuity()).toBe(1);
  await capture.close();
  expect(await promiscuity()).toBe(0);
});

test('many at once, each with its own filter', async () => {
  const captures = Array.from({ length: 30 }, (_, i) =>
    near.capture({ filter: `udp dst port ${i}`, buffer: '1M' }),
  );
  await Promise.all(captures.map(({ ready }) => ready));
  for (let i = 0; i < 30; i++) wire.send(ethernet(0x800, ipv4(17, udp(5, i))));
  const found = await Promise.all(captures.map(rest));
  expect(found.map((packets) => packets.map(({ udp }) => udp?.destinationPort))).toEqual(
    captures.map((_, i) => [i]),
  );
});

test('bad options', () => {
  const bad: [unknown, string][] = [
    [{ links: [] }, 'ERR_INVALID_ARG_VALUE'],
    [{ links: [{}] }, 'ERR_INVALID_ARG_TYPE'],
    [{ links: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ filter: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ filter: [] }, 'ERR_INVALID_ARG_VALUE'],
    [{ filter: [{ code: 6, jt: 0, jf: 256, k: 0 }] }, 'ERR_OUT_OF_RANGE'],
    [{ filter: [{ code: 6, jt: 0, jf: 0 }] }, 'ERR_INVALID_ARG_TYPE'],
    [{ snaplen: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ snaplen: 262_145 }, 'ERR_OUT_OF_RANGE'],
    [{ file: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ file: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ promiscuous: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ buffer: '1X' }, 'ERR_INVALID_ARG_VALUE'],
    [{ buffer: 1000 }, 'ERR_OUT_OF_RANGE'],
    [{ buffer: '2G' }, 'ERR_OUT_OF_RANGE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ interface: 'eth0' }, 'ERR_INVALID_ARG_VALUE'],
    [5, 'ERR_INVALID_ARG_TYPE'],
  ];
  for (const [options, code] of bad) {
    expect(() => near.capture(options as never), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code }),
    );
  }
});

test('a program that the kernel refuses', async () => {
  // It goes on behind its end.
  const capture = near.capture({ filter: [{ code: 0, jt: 0, jf: 0, k: 1 }] });
  await expect(capture.ready).rejects.toMatchObject({
    code: 'EINVAL',
    syscall: 'SO_ATTACH_FILTER',
    hint: expect.stringContaining('filter'),
  });
  await capture.close();
});
