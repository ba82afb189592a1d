// Packet sockets: whole frames of links.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  Netns,
  type PacketDestination,
  type PacketMessage,
  type PacketOptions,
  type PacketSocket,
  Scope,
  Veth,
} from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runIn } from '../netns/support/inside.js';
import { privileged } from '../support/privileges.js';
import { node, run } from '../support/witness.js';
import { type Cable, cable, FAR, sockets } from './cable.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let ends: Cable['ends'];
let before: number;
let nearMac: string;
let farMac: string;

/** For experiments on one's own link (IEEE 802). */
const LOCAL = 0x88b5;

beforeAll(async () => {
  ({ near, far, ends } = await cable(scope));
  [nearMac, farMac] = ends.map(({ info }) => info.mac) as [string, string];
  await near.ping(FAR.inet, { count: 1 });
  before = sockets();
});

afterAll(async () => {
  expect(sockets()).toBe(before);
  await scope[Symbol.asyncDispose]();
});

async function take(socket: PacketSocket, count: number): Promise<PacketMessage[]> {
  const messages: PacketMessage[] = [];
  for await (const message of socket) if (messages.push(message) === count) break;
  return messages;
}

const mac = (text: string) => text.split(':').map((byte) => Number.parseInt(byte, 16));

function frame(to: string, from: string, data: number[] = [], protocol = LOCAL): Uint8Array {
  const bytes = new Uint8Array(14 + data.length);
  bytes.set([...mac(to), ...mac(from), protocol >> 8, protocol & 0xff, ...data]);
  return bytes;
}

describe('what arrives', () => {
  test('whole frames: where, from whom, to whom, and when', async () => {
    await using sender = await near.packet({ link: 'eth0', protocol: 0 });
    await using socket = await far.packet({ link: ends[1], protocol: LOCAL });
    const to = [farMac, 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '02:00:00:00:00:99'];
    const types = ['host', 'broadcast', 'multicast', 'other'];
    const earliest = BigInt(Date.now() - 5) * 1_000_000n;
    for (const [i, address] of to.entries()) await sender.send(frame(address, nearMac, [i]));
    const messages = await take(socket, 4);
    for (const [i, { at, ...rest }] of messages.entries()) {
      expect(rest).toEqual({
        bytes: frame(to[i] as string, nearMac, [i]),
        link: 'eth0',
        index: ends[1].index,
        mac: nearMac,
        type: types[i],
        protocol: LOCAL,
        truncated: false,
      });
      expect(at).toBeGreaterThan(earliest);
    }
  });

  test('of all links and protocols, outgoing, too', async () => {
    await using socket = await near.packet();
    const looping = (async () => {
      const seen = new Set<string>();
      for await (const { link, type, protocol } of socket) {
        seen.add(`${link} ${type} ${protocol.toString(16)}`);
        if (seen.size === 4) return seen;
      }
      return seen;
    })();
    await near.ping(FAR.inet, { count: 1 });
    await near.ping('127.0.0.1', { count: 1 });
    expect([...(await looping)].sort()).toEqual([
      'eth0 host 800',
      'eth0 outgoing 800',
      'lo host 800',
      'lo outgoing 800',
    ]);
  });

  test('cooked: without the header of the link', async () => {
    await using sender = await near.packet({ cooked: true, protocol: LOCAL, link: 'eth0' });
    await using cooked = await far.packet({ cooked: true, protocol: LOCAL });
    await using whole = await far.packet({ protocol: LOCAL });
    await sender.send(Uint8Array.of(1, 2, 3), { mac: farMac });
    expect(await take(cooked, 1)).toMatchObject([
      { bytes: Uint8Array.of(1, 2, 3), mac: nearMac, type: 'host', protocol: LOCAL },
    ]);
    expect(await take(whole, 1)).toMatchObject([{ bytes: frame(farMac, nearMac, [1, 2, 3]) }]);
  });

  test('the VLAN, which the kernel keeps beside the frame', async () => {
    await using socket = await far.packet({ link: 'eth0' });
    await using sender = await near.packet({ link: 'eth0', protocol: 0 });
    const data = new Array<number>(46).fill(1);
    await sender.send(frame(farMac, nearMac, [0, 42, LOCAL >> 8, LOCAL & 0xff, ...data], 0x8100));
    for await (const { vlan, protocol, bytes } of socket) {
      if (protocol !== LOCAL) continue;
      expect({ vlan, bytes }).toEqual({ vlan: 42, bytes: frame(farMac, nearMac, data) });
      break;
    }
  });

  test('filter', async () => {
    await using sender = await near.packet({ link: 'eth0', protocol: 0 });
    const second = [
      { code: 0x30, jt: 0, jf: 0, k: 14 },
      { code: 0x15, jt: 0, jf: 1, k: 2 },
      { code: 0x06, jt: 0, jf: 0, k: 15 },
      { code: 0x06, jt: 0, jf: 0, k: 0 },
    ];
    await using socket = await far.packet({ protocol: LOCAL, filter: second });
    for (const byte of [1, 2, 3]) await sender.send(frame(farMac, nearMac, [byte, 7, 7]));
    // A filter says how much of a packet is let through.
    expect(await take(socket, 1)).toMatchObject([{ bytes: frame(farMac, nearMac, [2]), truncated: false }]);
  });

  test('what there is no room for is dropped, and counted', async () => {
    await using sender = await near.packet({ link: 'eth0', protocol: 0 });
    await using socket = await far.packet({ protocol: LOCAL, recvBufferSize: 8192 });
    for (let i = 0; i < 300; i++) await sender.send(frame(farMac, nearMac, new Array(400).fill(1)));
    const { dropped } = socket;
    expect(dropped).toBeGreaterThan(250);
    expect(await take(socket, 300 - dropped)).toHaveLength(300 - dropped);
  });

  test('a link that goes away: ENODEV; one that goes down: nothing', async () => {
    await using own = new Scope();
    const netns = await own.use(Netns.create());
    const pair = await Veth.create({ netns, name: 'a', up: true }, { netns, name: 'b', up: true });
    await pair.a.ready();
    await using socket = await netns.packet({ link: 'a', protocol: LOCAL });
    const asked = socket.messages().next();
    await pair.a.down();
    await pair.a.up();
    await pair.a.ready();
    await using sender = await netns.packet({ protocol: 0 });
    await sender.send(frame('ff:ff:ff:ff:ff:ff', nearMac, [5]), { link: 'b' });
    expect((await asked).value).toMatchObject({ link: 'a', type: 'broadcast' });
    await socket.close();

    await using doomed = await netns.packet({ link: 'a', protocol: LOCAL });
    const gone = { code: 'ENODEV', hint: expect.stringContaining('gone') };
    const looping = expect(take(doomed, 1)).rejects.toMatchObject(gone);
    await pair.a.delete();
    await looping;
  });
});

describe('what is sent', () => {
  test('by the link that is named, as object, name or index', async () => {
    await using sender = await near.packet({ protocol: 0 });
    await using socket = await far.packet({ protocol: LOCAL });
    for (const link of [ends[0], 'eth0', ends[0].index]) {
      await sender.send(frame(farMac, nearMac), { link });
      expect(await take(socket, 1)).toHaveLength(1);
    }
    await expect(sender.send(frame(farMac, nearMac), { link: 'none' })).rejects.toMatchObject({
      code: 'ENODEV',
    });
    await expect(sender.send(frame(farMac, nearMac), { link: 4711 })).rejects.toMatchObject({
      code: expect.stringMatching(/ENXIO|ENODEV/),
    });
    await expect(sender.send(frame(farMac, nearMac), { link: ends[1] })).rejects.toMatchObject(VALUE);
  });

  test('what the kernel refuses', async () => {
    await using socket = await near.packet({ link: 'eth0' });
    await expect(socket.send(new Uint8Array(5))).rejects.toMatchObject({
      code: 'EINVAL',
      hint: expect.any(String),
    });
    await expect(socket.send(new Uint8Array(9000))).rejects.toMatchObject({ code: 'EMSGSIZE' });
    await using down = await near.packet({ link: 'eth0' });
    await ends[0].down();
    await expect(
      (async () => {
        for (let i = 0; i < 2; i++) await down.send(frame(farMac, nearMac));
      })(),
    ).rejects.toMatchObject({ code: 'ENETDOWN' });
    await ends[0].up();
    await ends[0].ready();
  });

  test('ARP by hand: who has 192.168.7.2', async () => {
    await using socket = await near.packet({ link: 'eth0', protocol: 0x0806 });
    const request = [
      0,
      1,
      8,
      0,
      6,
      4,
      0,
      1,
      ...mac(nearMac),
      192,
      168,
      7,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      192,
      168,
      7,
      2,
    ];
    await socket.send(frame('ff:ff:ff:ff:ff:ff', nearMac, request, 0x0806));
    for await (const { bytes, type } of socket) {
      if (type === 'outgoing' || bytes[21] !== 2) continue;
      expect([...bytes.subarray(22, 28)]).toEqual(mac(farMac));
      break;
    }
  });

  test('what there is no room for waits', async () => {
    await runIn(
      near,
      'tc',
      'qdisc',
      'add',
      'dev',
      'eth0',
      'root',
      'tbf',
      'rate',
      '2mbit',
      'burst',
      '3000',
      'latency',
      '9s',
    );
    try {
      await using sender = await near.packet({ link: 'eth0', protocol: 0, sendBufferSize: 8192 });
      await using socket = await far.packet({ protocol: LOCAL });
      const sent = Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          sender.send(frame(farMac, nearMac, [i, ...new Array(1400).fill(0)])),
        ),
      );
      const messages = await take(socket, 20);
      await sent;
      expect(messages.map(({ bytes }) => bytes[14])).toEqual(Array.from({ length: 20 }, (_, i) => i));
    } finally {
      await runIn(near, 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
    }
  });
});

test('many sockets at once, each its own', async () => {
  await using own = new Scope();
  const listeners = await Promise.all(
    Array.from({ length: 16 }, (_, i) => own.use(far.packet({ protocol: 0x8900 + i }))),
  );
  const senders = await Promise.all(
    Array.from({ length: 16 }, () => own.use(near.packet({ link: 'eth0', protocol: 0 }))),
  );
  const heard = listeners.map((socket) => take(socket, 20));
  await Promise.all(
    senders.map(async (sender, i) => {
      for (let n = 0; n < 20; n++) await sender.send(frame(farMac, nearMac, [i, n], 0x8900 + i));
    }),
  );
  for (const [i, messages] of (await Promise.all(heard)).entries()) {
    expect(messages.map(({ bytes }) => [...bytes.subarray(14)])).toEqual(
      Array.from({ length: 20 }, (_, n) => [i, n]),
    );
  }
});

describe('a loop', () => {
  test.each(['close()', 'close() of the namespace'])('%s ends it quietly', async (what) => {
    await using own = new Scope();
    const netns = await own.use(Netns.create());
    const socket = await netns.packet();
    const looping = take(socket, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await (what === 'close()' ? socket : netns).close();
    expect(await looping).toEqual([]);
    await expect(socket.send(new Uint8Array(20), { link: 'lo' })).rejects.toMatchObject({
      code: 'ERR_NSNET_CLOSED',
    });
  });

  test('abort', async () => {
    await using socket = await far.packet({ protocol: LOCAL });
    const signal = AbortSignal.timeout(10);
    await expect(socket.messages({ signal }).next()).rejects.toMatchObject({ name: 'AbortError' });
    await expect(far.packet({ signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(sockets()).toBe(before + 1);
  });
});

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

describe('programs', () => {
  test.each([
    ['idle', ''],
    ['broken', 'heard\n'],
    ['closed', 'ended\n'],
    ['aborted', 'AbortError\nfalse\ntrue\n'.repeat(2)],
    ['collected', 'NSNET_UNCLOSED NSNET_UNCLOSED\n0\n'],
  ])('%s: it ends by itself', async (story, output) => {
    const [file = '', ...args] = node;
    expect(await run(file, [...args, '--expose-gc', program('packets'), story])).toBe(output);
  });

  test('a worker that is terminated while it loops', async () => {
    for (const delay of [0, 5, 20]) {
      const worker = new Worker(program('packets-worker'));
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, delay));
      await worker.terminate();
    }
  });

  test('without CAP_NET_RAW: EPERM, with the cure', async () => {
    const user = privileged ? '--reuid 65534 --regid 65534 --clear-groups' : '--inh-caps=-all';
    const command = `ip link set lo up && exec setpriv ${user} --bounding-set=-all "$@"`;
    const unshare = privileged ? ['--net'] : ['--user', '--map-root-user', '--net'];
    const args = [...unshare, 'sh', '-c', command, 'sh', ...node, program('packets'), 'forbidden'];
    const errors = JSON.parse(await run('unshare', args));
    expect(errors).toHaveLength(2);
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'EPERM',
        syscall: 'socket',
        subject: expect.stringContaining("this process's netns"),
        hint: expect.stringContaining('CAP_NET_RAW'),
      });
    }
  });
});

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

test.each<[unknown, object]>([
  [null, TYPE],
  ['eth0', TYPE],
  [{ link: '' }, VALUE],
  [{ link: 0 }, RANGE],
  [{ link: {} }, TYPE],
  [{ link: 'none' }, { code: 'ENODEV' }],
  [{ link: 4711 }, { code: 'ENODEV' }],
  [{ protocol: -1 }, RANGE],
  [{ protocol: 0x10000 }, RANGE],
  [{ protocol: 'all' }, TYPE],
  [{ cooked: 1 }, TYPE],
  [{ device: 'eth0' }, VALUE],
  [{ filter: {} }, TYPE],
  [{ recvBufferSize: 0 }, RANGE],
  [{ signal: 1 }, TYPE],
])('%o is refused', async (options, expected) => {
  await expect(near.packet(options as PacketOptions)).rejects.toMatchObject(expected);
  expect(sockets()).toBe(before);
});

test.each<[unknown, unknown, boolean, object]>([
  ['text', {}, false, TYPE],
  [new Uint8Array(20), null, false, TYPE],
  [new Uint8Array(20), {}, false, VALUE],
  [new Uint8Array(20), { link: 0 }, false, RANGE],
  [new Uint8Array(20), { link: 'eth0', mac: '02:00:00:00:00:01' }, false, VALUE],
  [new Uint8Array(20), { link: 'eth0', protocol: 1 }, false, VALUE],
  [new Uint8Array(20), { link: 'eth0', mac: '02:00' }, true, VALUE],
  [new Uint8Array(20), { link: 'eth0', mac: '02:00:00:00:00:01' }, true, VALUE],
  [new Uint8Array(20), { link: 'eth0', protocol: 65536 }, true, RANGE],
  [new Uint8Array(20), { link: 'eth0', to: 1 }, true, VALUE],
  [new Uint8Array(20), { link: 'eth0', protocol: 1, signal: 1 }, true, TYPE],
])('send(%o, %o) is refused', async (bytes, to, cooked, expected) => {
  await using socket = await near.packet({ cooked });
  await expect(socket.send(bytes as Uint8Array, to as PacketDestination)).rejects.toMatchObject(expected);
});

test('what it says of itself', async () => {
  await using netns = await Netns.create({ name: `packet-${process.pid}` });
  await using all = await netns.packet();
  await using one = await netns.packet({ link: 'lo', cooked: true, protocol: LOCAL });
  expect(String(all)).toBe(`PacketSocket { all links in netns 'packet-${process.pid}' }`);
  expect(String(one)).toBe(`PacketSocket { link 1 in netns 'packet-${process.pid}' }`);
  expect(JSON.parse(JSON.stringify(one))).toEqual({ index: 1, protocol: LOCAL, cooked: true });
});
