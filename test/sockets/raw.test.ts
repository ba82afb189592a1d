// Raw sockets: IP packets of one protocol.
import { type BpfInstruction, Netns, type RawMessage, type RawOptions, type RawSocket, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runIn } from '../netns/support/inside.js';
import { scale } from '../support/scale.js';
import { type Cable, cable, FAR, NEAR, sockets } from './cable.js';
import { summed } from './peer.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let ends: Cable['ends'];
let before: number;

beforeAll(async () => {
  ({ near, far, ends } = await cable(scope));
  await near.ping(FAR.inet, { count: 1 });
  await near.ping(FAR.inet6, { count: 1 });
  before = sockets();
});

afterAll(async () => {
  expect(sockets()).toBe(before);
  await scope[Symbol.asyncDispose]();
});

/** Takes the next messages of a socket. */
async function take(socket: RawSocket, count: number): Promise<RawMessage[]> {
  const messages: RawMessage[] = [];
  for await (const message of socket) if (messages.push(message) === count) break;
  return messages;
}

const text = (value: string) => new TextEncoder().encode(value);
const EXPERIMENT = 253;

/** An IPv4 header, of which the kernel fills in the sum and the length. */
function packet(source: number[], destination: number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + data.length);
  bytes.set([0x45, 0, 0, 0, 0, 1, 0, 0, 9, EXPERIMENT, 0, 0, ...source, ...destination]);
  bytes.set(data, 20);
  return bytes;
}

describe('what arrives', () => {
  test('IPv4: with its header, who sent it, and when', async () => {
    await using sender = await near.raw({ protocol: EXPERIMENT, ttl: 7 });
    await using socket = await far.raw({ protocol: EXPERIMENT });
    const next = take(socket, 2);
    const earliest = BigInt(Date.now()) * 1_000_000n;
    await sender.send(text('one'), FAR.inet);
    await sender.send(text('two'), FAR.inet);
    const messages = await next;
    expect(messages.map(({ bytes }) => Buffer.from(bytes.subarray(20)).toString())).toEqual(['one', 'two']);
    const [{ bytes, at, ...rest }] = messages as [RawMessage];
    expect(rest).toEqual({ from: NEAR.inet, ttl: 7, truncated: false });
    expect([bytes[0], bytes[8], bytes[9]]).toEqual([0x45, 7, EXPERIMENT]);
    expect(Number((at - earliest) / 1_000_000n)).toBeGreaterThanOrEqual(-5);
    expect(at).toBeLessThan(BigInt(Date.now() + 1000) * 1_000_000n);
  });

  test('IPv6: without', async () => {
    await using sender = await near.raw({ family: 'inet6', protocol: EXPERIMENT, ttl: 7 });
    await using socket = await far.raw({ family: 'inet6', protocol: EXPERIMENT });
    await sender.send(text('one'), FAR.inet6);
    const [message] = await take(socket, 1);
    expect(message).toEqual({
      bytes: text('one'),
      from: NEAR.inet6,
      ttl: 7,
      at: expect.any(BigInt),
      truncated: false,
    });
  });

  test('what came before a loop waits; break, and another loop goes on', async () => {
    await using sender = await near.raw({ protocol: EXPERIMENT });
    await using socket = await far.raw({ protocol: EXPERIMENT });
    for (let i = 0; i < 200; i++) await sender.send(Uint8Array.of(i), FAR.inet);
    const found: (number | undefined)[] = [];
    for (const count of [1, 99, 100])
      found.push(...(await take(socket, count)).map(({ bytes }) => bytes[20]));
    expect(found).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('by protocol, of any program: echo requests as ping sends them', async () => {
    await using socket = await far.raw({ protocol: 'icmp' });
    const [{ received }, [message]] = await Promise.all([near.ping(FAR.inet, { count: 1 }), take(socket, 1)]);
    expect(received).toBe(1);
    expect(message?.bytes[20]).toBe(8);
  });

  test('for one address, or by one link, alone', async () => {
    await using _ = await Netns.create();
    await using sender = await near.raw({ protocol: EXPERIMENT });
    await ends[1].addAddress('192.168.7.22/24');
    await using bound = await far.raw({ protocol: EXPERIMENT, bind: '192.168.7.22' });
    await using loopback = await far.raw({ protocol: EXPERIMENT, device: 'lo' });
    await using all = await far.raw({ protocol: EXPERIMENT, device: ends[1] });
    await sender.send(text('a'), FAR.inet);
    await sender.send(text('b'), '192.168.7.22');
    await using inside = await far.raw({ protocol: EXPERIMENT });
    await inside.send(text('c'), '127.0.0.1');
    const data = ({ bytes }: RawMessage) => Buffer.from(bytes.subarray(20)).toString();
    expect((await take(all, 2)).map(data)).toEqual(['a', 'b']);
    expect((await take(bound, 1)).map(data)).toEqual(['b']);
    expect((await take(loopback, 1)).map(data)).toEqual(['c']);
  });

  test('link-local, with the link', async () => {
    await Promise.all(ends.map((end) => end.ready()));
    const all = await far.addresses.list({ family: 'inet6', device: 'eth0' });
    const address = all.find(({ scope }) => scope === 'link')?.address.split('/')[0];
    await using sender = await near.raw({ family: 'inet6', protocol: EXPERIMENT });
    await using socket = await far.raw({ family: 'inet6', protocol: EXPERIMENT, bind: `${address}%eth0` });
    await sender.send(text('x'), `${address}%eth0`);
    const [message] = await take(socket, 1);
    expect(message?.from).toMatch(/^fe80::.*%eth0$/);
    await expect(sender.send(text('x'), `${address}%none`)).rejects.toMatchObject({ code: 'ENODEV' });
  });
});

describe('what is sent', () => {
  test('an echo request that is answered; of ICMPv6 the kernel computes the sum', async () => {
    for (const family of ['inet', 'inet6'] as const) {
      await using socket = await near.raw({ family, protocol: family === 'inet' ? 'icmp' : 'icmpv6' });
      const request = Uint8Array.of(family === 'inet' ? 8 : 128, 0, 0, 0, 0x12, 0x34, 0, 1, 1, 2, 3, 4);
      await socket.send(family === 'inet' ? summed(request) : request, FAR[family]);
      for await (const { bytes, from } of socket) {
        const reply = family === 'inet' ? bytes.subarray(20) : bytes;
        if (reply[0] !== (family === 'inet' ? 0 : 129)) continue;
        expect(from).toBe(FAR[family]);
        expect(reply.subarray(4)).toEqual(request.subarray(4));
        break;
      }
    }
  });

  test('with its own header: from whomever, and to where that says', async () => {
    await far.sysctl('net.ipv4.conf.all.rp_filter', 0);
    await far.sysctl('net.ipv4.conf.eth0.rp_filter', 0);
    await using sender = await near.raw({ protocol: 'raw' });
    await using socket = await far.raw({ protocol: EXPERIMENT });
    const bytes = packet([10, 9, 8, 7], [192, 168, 7, 2], text('mine'));
    await sender.send(bytes);
    await sender.send(bytes, FAR.inet);
    for (const message of await take(socket, 2)) {
      expect(message).toMatchObject({ from: '10.9.8.7', ttl: 9 });
      expect(message.bytes.subarray(20)).toEqual(text('mine'));
    }
    await using six = await near.raw({ family: 'inet6', protocol: EXPERIMENT, headerIncluded: true });
    await using hears = await far.raw({ family: 'inet6', protocol: EXPERIMENT });
    const header = new Uint8Array(44);
    header.set([0x60, 0, 0, 0, 0, 4, EXPERIMENT, 11]);
    header.set([0xfd, 0x99], 8);
    header.set([0xfd, 0x07], 24);
    header[39] = 2;
    await six.send(header);
    expect(await take(hears, 1)).toMatchObject([{ from: 'fd99::', ttl: 11, bytes: new Uint8Array(4) }]);
  });

  test('what there is no room for waits, in order, and lets the event loop go on', async () => {
    // Some 20 packets of 1,400 bytes a second and a half; the socket has room for few of them.
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
      '1mbit',
      'burst',
      '3000',
      'latency',
      '9s',
    );
    const sender = await near.raw({ protocol: EXPERIMENT, sendBufferSize: 8192 });
    await using socket = await far.raw({ protocol: EXPERIMENT });
    try {
      let turns = 0;
      const turning = setInterval(() => turns++, 5);
      const data = new Uint8Array(1400);
      let waited = 0;
      const sent = Array.from({ length: 20 }, async (_, i) => {
        data[0] = i;
        await sender.send(data, FAR.inet);
        if (turns > 0) waited++;
      });
      data[0] = 99;
      const messages = await take(socket, 20);
      clearInterval(turning);
      await Promise.all(sent);
      expect(messages.map(({ bytes }) => bytes[20])).toEqual(Array.from({ length: 20 }, (_, i) => i));
      // An emulated processor takes so long to send one that the next has room.
      expect(waited).toBeGreaterThan(scale < 1 ? 0 : 5);

      const stop = new AbortController();
      const burst = Array.from({ length: 30 }, () => sender.send(data, FAR.inet, { signal: stop.signal }));
      const late = Array.from({ length: 3 }, () => sender.send(data, FAR.inet));
      const outcomes = Promise.allSettled([...burst, ...late]);
      stop.abort();
      await new Promise((resolve) => setTimeout(resolve, 10));
      await sender.close();
      const reasons = (await outcomes).map((one) => (one.status === 'rejected' ? one.reason.code : 'sent'));
      expect(reasons).toContain('ABORT_ERR');
      expect(reasons.slice(-1)).toEqual(['ERR_NSNET_CLOSED']);
    } finally {
      await sender.close();
      await runIn(near, 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
    }
  });

  test.each<[string, string, Uint8Array]>([
    ['ENETUNREACH', '10.99.0.1', new Uint8Array(8)],
    ['EMSGSIZE', FAR.inet, new Uint8Array(70_000)],
  ])('%s', async (code, to, bytes) => {
    await using socket = await near.raw({ protocol: EXPERIMENT });
    await expect(socket.send(bytes, to)).rejects.toMatchObject({
      code,
      syscall: 'sendto',
      subject: expect.stringContaining(to),
      hint: expect.any(String),
    });
  });
});

const RETURN = 0x06;
const ALL = { code: RETURN, jt: 0, jf: 0, k: 0xffffffff };
/** Of IPv4, what has this byte behind the header. */
const only = (byte: number): BpfInstruction[] => [
  { code: 0x30, jt: 0, jf: 0, k: 20 },
  { code: 0x15, jt: 0, jf: 1, k: byte },
  ALL,
  { ...ALL, k: 0 },
];

describe('filter', () => {
  test('at first, changed, and taken off', async () => {
    await using sender = await near.raw({ protocol: EXPERIMENT });
    await using socket = await far.raw({ protocol: EXPERIMENT, filter: only(2) });
    const send = async () => {
      for (const byte of [1, 2, 3]) await sender.send(Uint8Array.of(byte), FAR.inet);
    };
    await send();
    await socket.filter(only(3));
    await send();
    await socket.filter(null);
    await send();
    expect((await take(socket, 5)).map(({ bytes }) => bytes[20])).toEqual([2, 3, 1, 2, 3]);
    await socket.filter(null);
  });

  test('one that the kernel does not take', async () => {
    const endless = [{ code: 0x05, jt: 0, jf: 0, k: 7 }];
    const expected = { code: 'EINVAL', syscall: 'setsockopt', hint: expect.stringContaining('return') };
    await expect(far.raw({ protocol: EXPERIMENT, filter: endless })).rejects.toMatchObject(expected);
    await using socket = await far.raw({ protocol: EXPERIMENT });
    await expect(socket.filter(endless)).rejects.toMatchObject(expected);
  });
});

test('what there is no room for is dropped, and counted', async () => {
  await using sender = await near.raw({ protocol: EXPERIMENT });
  await using socket = await far.raw({ protocol: EXPERIMENT, recvBufferSize: 8192 });
  expect(socket.dropped).toBe(0);
  for (let i = 0; i < 300; i++) await sender.send(new Uint8Array(500), FAR.inet);
  const { dropped } = socket;
  expect(dropped).toBeGreaterThan(250);
  expect(await take(socket, 300 - dropped)).toHaveLength(300 - dropped);
  await socket.close();
  expect(socket.dropped).toBe(dropped);
});

describe('a loop', () => {
  test('over a flood lets others have their turn', async () => {
    await using sender = await near.raw({ protocol: EXPERIMENT });
    await using socket = await far.raw({ protocol: EXPERIMENT, recvBufferSize: 1 << 22 });
    for (let i = 0; i < 1000; i++) await sender.send(new Uint8Array(8), FAR.inet);
    let turns = 0;
    const turn = () => {
      if (++turns < 20) setImmediate(turn);
    };
    setImmediate(turn);
    let count = 0;
    for await (const _ of socket) {
      count++;
      if (turns >= 20) break;
      // There is always more.
      await sender.send(new Uint8Array(8), FAR.inet);
      expect(count).toBeLessThan(500_000);
    }
    expect(count).toBeGreaterThan(0);
  });

  test('one at a time', async () => {
    await using socket = await far.raw({ protocol: EXPERIMENT });
    const iterator = socket[Symbol.asyncIterator]();
    expect(() => socket.messages()).toThrow('one loop at a time');
    await iterator.return?.();
    await socket.messages().return?.();
  });

  test('many who ask at once are answered in turn', async () => {
    await using sender = await near.raw({ protocol: EXPERIMENT });
    await using socket = await far.raw({ protocol: EXPERIMENT });
    const iterator = socket.messages();
    const asked = [1, 2, 3].map(() => iterator.next());
    for (const byte of [1, 2, 3]) await sender.send(Uint8Array.of(byte), FAR.inet);
    const answers = await Promise.all(asked);
    expect(answers.map(({ value }) => value?.bytes[20])).toEqual([1, 2, 3]);
  });

  test.each(['close()', 'close() of the namespace'])('%s ends it quietly', async (what) => {
    await using own = new Scope();
    const netns = await own.use(Netns.create());
    const socket = await netns.raw({ protocol: 'udp' });
    const looping = take(socket, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await (what === 'close()' ? socket : netns).close();
    expect(await looping).toEqual([]);
    expect(socket.closed).toBe(true);
    expect(() => socket.messages()).toThrow(expect.objectContaining({ code: 'ERR_NSNET_CLOSED' }));
    await expect(socket.send(text('x'), '127.0.0.1')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await expect(socket.filter(null)).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await socket.close();
  });

  test('abort: an AbortError, once', async () => {
    await using socket = await far.raw({ protocol: EXPERIMENT });
    const stop = new AbortController();
    const iterator = socket.messages({ signal: stop.signal });
    const asked = iterator.next();
    stop.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    const before = socket.messages({ signal: AbortSignal.abort() });
    await expect(before.next()).rejects.toMatchObject({ name: 'AbortError' });
    await socket.messages().return?.();
  });
});

test('abort of what is being made: nothing is left', async () => {
  for (const delay of [undefined, 0, 1]) {
    const signal = delay === undefined ? AbortSignal.abort() : AbortSignal.timeout(delay);
    const made = await near.raw({ protocol: 'udp', device: 'eth0', signal }).catch((error) => error);
    if (made instanceof Error) expect(made.name).toBe('AbortError');
    else await made.close();
  }
  expect(sockets()).toBe(before);
});

test('what cannot be had leaves nothing', async () => {
  await expect(near.raw({ protocol: 'udp', bind: '192.168.7.99' })).rejects.toMatchObject({
    code: 'EADDRNOTAVAIL',
  });
  await expect(near.raw({ protocol: 'udp', device: 'none' })).rejects.toMatchObject({ code: 'ENODEV' });
  await expect(near.raw({ protocol: 'udp', family: 'inet6', bind: 'fe80::1%none' })).rejects.toMatchObject({
    code: 'ENODEV',
  });
  await using closed = await Netns.create();
  await closed.close();
  await expect(closed.raw({ protocol: 'udp' })).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  expect(sockets()).toBe(before);
});

test('closing the namespace meanwhile leaves nothing', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const netns = await Netns.create();
    const making = [netns.raw({ protocol: 'udp' }), netns.packet()].map((one) =>
      one.then(
        (socket) => socket.closed,
        ({ code }) => code,
      ),
    );
    for (let i = 0; i < turns; i++) await (i % 4 === 3 ? new Promise(setImmediate) : undefined);
    await netns.close();
    for (const end of await Promise.all(making)) expect(end).toBeOneOf([true, false, 'ERR_NSNET_CLOSED']);
    expect(sockets()).toBe(before);
  }
});

test('what it says of itself', async () => {
  await using netns = await Netns.create({ name: `raw-${process.pid}` });
  await using socket = await netns.raw({ protocol: 'gre' });
  expect(String(socket)).toBe(`RawSocket { inet, protocol 47 in netns 'raw-${process.pid}' }`);
  expect(JSON.parse(JSON.stringify(socket))).toEqual({ family: 'inet', protocol: 47 });
});

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

test.each<[unknown, object]>([
  [undefined, TYPE],
  [null, TYPE],
  [{}, TYPE],
  [{ protocol: 0 }, RANGE],
  [{ protocol: 256 }, RANGE],
  [{ protocol: 'ICMP' }, VALUE],
  [{ protocol: 'constructor' }, VALUE],
  [{ protocol: 1, family: 'ipv4' }, VALUE],
  [{ protocol: 1, family: 4 }, VALUE],
  [{ protocol: 1, headerIncluded: 1 }, TYPE],
  [{ protocol: 1, ttl: 0 }, RANGE],
  [{ protocol: 1, device: '' }, VALUE],
  [{ protocol: 1, device: {} }, TYPE],
  [{ protocol: 1, bind: 'localhost' }, VALUE],
  [{ protocol: 1, bind: '::1' }, VALUE],
  [{ protocol: 1, family: 'inet6', bind: 'fe80::1' }, VALUE],
  [{ protocol: 1, recvBufferSize: '1M' }, TYPE],
  [{ protocol: 1, sendBufferSize: 0 }, RANGE],
  [{ protocol: 1, signal: 1 }, TYPE],
  [{ protocol: 1, promiscuous: true }, VALUE],
  [{ protocol: 1, filter: 'icmp' }, TYPE],
  [{ protocol: 1, filter: [] }, RANGE],
  [{ protocol: 1, filter: new Array(4097).fill(ALL) }, RANGE],
  [{ protocol: 1, filter: [6] }, TYPE],
  [{ protocol: 1, filter: [{ ...ALL, k: -1 }] }, RANGE],
  [{ protocol: 1, filter: [{ ...ALL, jt: 256 }] }, RANGE],
  [{ protocol: 1, filter: [{ code: 6, jt: 0, jf: 0 }] }, TYPE],
])('%o is refused', async (options, expected) => {
  await expect(near.raw(options as RawOptions)).rejects.toMatchObject(expected);
  expect(sockets()).toBe(before);
});

test.each<[unknown[], object]>([
  [[], TYPE],
  [['text', FAR.inet], TYPE],
  [[new Uint8Array(8)], VALUE],
  [[new Uint8Array(8), 1], TYPE],
  [[new Uint8Array(8), 'localhost'], VALUE],
  [[new Uint8Array(8), '::1'], VALUE],
  [[new Uint8Array(8), FAR.inet, null], TYPE],
  [[new Uint8Array(8), FAR.inet, { ttl: 1 }], VALUE],
])('send(%o) is refused', async (args, expected) => {
  await using socket = await near.raw({ protocol: EXPERIMENT });
  await expect(socket.send(...(args as [Uint8Array]))).rejects.toMatchObject(expected);
  await using own = await near.raw({ protocol: 'raw' });
  await expect(own.send(new Uint8Array(19))).rejects.toMatchObject(VALUE);
});
