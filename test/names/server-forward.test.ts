// What a nameserver hands on, to nameservers that are slow, lie, cut short, or are not there.
import packet, { type Answer } from 'dns-packet';
import { Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseNameserver } from '../../lib/names/nameserver.js';
import { type NameServer, serveNames } from '../../lib/names/server.js';
import { internals } from '../../lib/namespaces/network.js';
import { cable, FAR, sockets } from '../sockets/cable.js';
import { scaled } from '../support/scale.js';
import { a, aaaa, answer, RCODE, TestServer, zone } from './nameserver.js';
import { askAllTcp, askUdp, dig, query } from './server-client.js';

const scope = new Scope();
let inside: Netns;
let far: Netns;
let near: Netns;
let server: NameServer;
let first: TestServer;
let second: TestServer;
let before: number;
let nameservers: string[];

const SECOND = '192.168.7.3';
const DEAD = '192.168.7.9';
const good = zone([a('web.example', '10.0.0.1'), aaaa('web.example', 'fd00::1')]);
const text = (count: number): Answer[] =>
  Array.from({ length: count }, (_, i) => ({
    name: 'long.example',
    type: 'TXT',
    ttl: 60,
    data: `${i}`.padEnd(99, 'x'),
  }));

const forward = () => ({
  from: internals(near),
  nameservers: async () => nameservers.map((one) => parseNameserver(one)!),
});

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  inside = await scope.use(Netns.create());
  await far.sysctl('net.ipv4.icmp_ratelimit', 0);
  await far.addresses.add({ device: 'eth0', address: `${SECOND}/24` });
  first = await scope.use(TestServer.open(far, FAR.inet, good));
  second = await scope.use(TestServer.open(far, SECOND, good));
  server = await scope.use(
    serveNames(internals(inside), {
      answer: async (name, family) => (name === 'mine' ? (family === 4 ? ['10.0.0.9'] : []) : undefined),
      forward: forward(),
    }),
  );
  nameservers = [FAR.inet];
  await dig(inside, 'web.example', 'A');
  await dig(inside, '+tcp', 'web.example', 'A');
  before = sockets();
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  nameservers = [FAR.inet, SECOND];
  for (const one of [first, second]) {
    one.respond = good;
    one.asked.length = 0;
  }
});
afterEach(() => expect.poll(sockets, { timeout: 8000 }).toBe(before));

describe.each(['+notcp', '+tcp'])('dig %s', (transport) => {
  test('what is not its own is asked of another, from another namespace', async () => {
    const found = await dig(inside, transport, 'web.example', 'AAAA');
    expect(found).toMatchObject({ status: 'NOERROR', answers: ['web.example. 60 IN AAAA fd00::1'] });
    expect(first.questions()).toEqual(['AAAA web.example']);
    expect((await dig(inside, transport, 'mine', 'A')).answers).toHaveLength(1);
    expect((await dig(inside, transport, 'mine', 'TXT')).answers).toEqual([]);
    expect((await dig(inside, transport, 'none.example', 'A')).status).toBe('NXDOMAIN');
    expect((await dig(inside, transport, 'a.localhost', 'A')).status).toBe('NOERROR');
    expect(first.questions()).toEqual(['A none.example']);
    expect(second.questions()).toEqual([]);
  });

  test('what is long', async () => {
    first.respond = (asked) =>
      asked.tcp ? answer(asked, text(60)) : answer(asked, [], { flags: packet.TRUNCATED_RESPONSE });
    const found = await dig(inside, transport, 'long.example', 'TXT');
    expect(found.answers).toHaveLength(60);
    expect(found.flags).not.toContain('tc');
  });
});

describe('byte for byte', () => {
  /** Records of DNSSEC and of types that nobody knows, EDNS with options, names that point to others. */
  const strange = (id: number, asked: Uint8Array) => {
    const records = [
      [
        0xc0, 12, 0, 46, 0, 1, 0, 0, 0, 9, 0, 24, 0, 1, 13, 2, 0, 0, 0, 60, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0,
        9, 9, 9, 9, 9,
      ],
      [0xc0, 12, 0xff, 0x01, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3],
      [0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 7, 0, 15, 0, 3, 0, 22, 33],
    ];
    const header = [id >> 8, id & 255, 0x84, 0xb0, 0, 1, 0, 2, 0, 0, 0, 1];
    return Buffer.concat([Buffer.from(header), asked, ...records.map((one) => Buffer.from(one))]);
  };

  test('both ways, but for the number', async () => {
    const asked = query('WEB.example', 'A', {
      id: 0x1234,
      flags: packet.RECURSION_DESIRED | packet.CHECKING_DISABLED,
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 4000,
          flags: 0x8000,
          options: [{ code: 65001, data: Buffer.from('x') }],
        } as never,
      ],
    });
    const question = asked.subarray(12, 29);
    let heard: Buffer | undefined;
    first.respond = ({ query: seen, id }) => {
      heard = packet.encode(seen);
      return strange(id, Buffer.from(question.toString('latin1').replace('WEB', 'wEb'), 'latin1'));
    };
    const reply = await askUdp(inside, asked);
    expect(heard?.subarray(2)).toEqual(asked.subarray(2));
    expect(reply).toEqual(
      strange(0x1234, Buffer.from(question.toString('latin1').replace('WEB', 'wEb'), 'latin1')),
    );
    const [byTcp] = await askAllTcp(inside, 1, asked);
    expect(byTcp).toEqual(reply);
  });

  test('numbers and ports are new each time', async () => {
    for (let i = 0; i < 20; i++) await askUdp(inside, query('web.example', 'A', { id: 7 }));
    expect(new Set(first.asked.map(({ id }) => id)).size).toBeGreaterThan(15);
    expect(new Set(first.asked.map(({ port }) => port)).size).toBeGreaterThan(10);
  });
});

describe('size', () => {
  const cut = packet.TRUNCATED_RESPONSE;

  test('a client that can take no more gets what was cut short, and asks again by TCP', async () => {
    first.respond = (asked) => (asked.tcp ? answer(asked, text(60)) : answer(asked, text(3), { flags: cut }));
    const short = await dig(inside, '+noedns', '+ignore', 'long.example', 'TXT');
    expect(short.answers).toHaveLength(3);
    expect(short.flags).toContain('tc');
    expect(first.questions()).toEqual(['TXT long.example']);
    const edns = await dig(inside, '+bufsize=600', '+ignore', 'long.example', 'TXT');
    expect(edns.flags).toContain('tc');
    expect((await dig(inside, '+noedns', 'long.example', 'TXT')).answers).toHaveLength(60);
  });

  test('an answer that is longer than the client said is cut here', async () => {
    first.respond = (asked) => answer(asked, text(10));
    const short = await dig(inside, '+noedns', '+ignore', 'long.example', 'TXT');
    expect(short.flags).toContain('tc');
    expect(short.bytes).toBeLessThanOrEqual(512);
    expect((await dig(inside, '+bufsize=4096', 'long.example', 'TXT')).answers).toHaveLength(10);
  });

  test('cut short, and nobody there by TCP', async () => {
    first.respond = (asked) => (asked.tcp ? undefined : answer(asked, text(1), { flags: cut }));
    nameservers = [FAR.inet];
    const found = await dig(inside, '+ignore', '+bufsize=4096', 'long.example', 'TXT');
    expect(found.flags).toContain('tc');
    expect(found.answers).toHaveLength(1);
    second.respond = (asked) => answer(asked, text(2));
    nameservers = [FAR.inet, SECOND];
    expect((await dig(inside, '+tcp', 'long.example', 'TXT')).answers).toHaveLength(2);
  });
});

describe('the next nameserver', () => {
  test.each([
    ['SERVFAIL', RCODE.SERVFAIL],
    ['REFUSED', RCODE.REFUSED],
    ['NOTIMP', RCODE.NOTIMP],
    ['FORMERR', RCODE.FORMERR],
  ])('after %s; where none knows, the first has the word', async (status, rcode) => {
    first.respond = (asked) => answer(asked, [], { rcode });
    expect((await dig(inside, 'web.example', 'A')).status).toBe('NOERROR');
    second.respond = (asked) => answer(asked, [], { rcode: RCODE.REFUSED });
    expect((await dig(inside, '+nocookie', 'web.example', 'A')).status).toBe(status);
    expect(first.questions().length).toBeLessThanOrEqual(3);
  });

  test('NXDOMAIN is an answer', async () => {
    first.respond = (asked) => answer(asked, [], { rcode: RCODE.NXDOMAIN });
    expect((await dig(inside, 'web.example', 'A')).status).toBe('NXDOMAIN');
    expect(second.questions()).toEqual([]);
  });

  test('after silence, a closed port, no route, nobody there', async () => {
    first.respond = () => undefined;
    expect((await dig(inside, 'web.example', 'A')).status).toBe('NOERROR');
    for (const bad of [`${FAR.inet}:5353`, '203.0.113.1', DEAD, 'fe80::1%eth7']) {
      nameservers = [bad, SECOND];
      expect((await dig(inside, 'web.example', 'A')).status, bad).toBe('NOERROR');
    }
  });

  test('one that loses the first question is asked again', async () => {
    nameservers = [FAR.inet];
    let lost = 0;
    first.respond = (asked) => (lost++ === 0 ? undefined : good(asked));
    expect((await dig(inside, 'web.example', 'A')).status).toBe('NOERROR');
  });

  test('none at all, none that answers, and none that can be told: SERVFAIL', async () => {
    nameservers = [];
    expect((await dig(inside, 'web.example', 'A')).status).toBe('SERVFAIL');
    nameservers = [FAR.inet, SECOND, DEAD];
    first.respond = second.respond = () => undefined;
    expect((await dig(inside, 'web.example', 'A')).status).toBe('SERVFAIL');
    nameservers = ['no address'];
    expect((await dig(inside, 'web.example', 'A')).status).toBe('SERVFAIL');
  });
});

describe('what is no answer to the question is passed over', () => {
  const forged = 'web.example';
  test.each<[string, (id: number) => Buffer]>([
    ['another number', (id) => query(forged, 'A', { id: id ^ 1, type: 'response' })],
    ['another name', (id) => query('web.examplf', 'A', { id, type: 'response' })],
    ['another type', (id) => query(forged, 'AAAA', { id, type: 'response' })],
    ['a query', (id) => query(forged, 'A', { id })],
    ['a header alone', (id) => query(forged, 'A', { id, type: 'response' }).subarray(0, 12)],
    ['less', (id) => query(forged, 'A', { id, type: 'response' }).subarray(0, 5)],
    ['half a question', (id) => query(forged, 'A', { id, type: 'response' }).subarray(0, 20)],
  ])('%s', async (_, forge) => {
    first.respond = (asked) => [forge(asked.id), good(asked) as Uint8Array];
    expect((await dig(inside, 'web.example', 'A')).answers).toEqual(['web.example. 60 IN A 10.0.0.1']);
    expect(second.questions()).toEqual([]);
  });

  test('what another says in its place', async () => {
    first.respond = (asked) => {
      second.send(answer(asked, [a(forged, '10.6.6.6')]), { address: '192.168.7.1', port: asked.port });
      return good(asked);
    };
    expect((await dig(inside, 'web.example', 'A')).answers).toEqual(['web.example. 60 IN A 10.0.0.1']);
  });
});

describe('never in another namespace', () => {
  test('a nameserver on loopback is that of the namespace that queries leave from', async () => {
    await using atNear = await TestServer.open(near, '127.0.0.53', good);
    await using atInside = await TestServer.open(inside, '127.0.0.53', good);
    nameservers = ['127.0.0.53'];
    expect((await dig(inside, 'web.example', 'A')).status).toBe('NOERROR');
    expect((await dig(inside, '+tcp', 'web.example', 'A')).status).toBe('NOERROR');
    expect(atNear.questions()).toHaveLength(2);
    expect(atInside.questions()).toEqual([]);
  });

  test('it does not ask itself, in whatever way its address is written', async () => {
    let calls = 0;
    await using own = await serveNames(internals(inside), {
      host: '::1',
      port: 5301,
      answer: async () => {
        calls++;
        return undefined;
      },
      forward: { from: internals(inside), nameservers: async () => [parseNameserver('[0:0::1]:5301')!] },
    });
    expect((await dig(inside, '@::1', '-p', `${own.port}`, 'x.example', 'A')).status).toBe('SERVFAIL');
    expect(calls).toBe(1);
  });

  test('without `forward` nobody is asked', async () => {
    await using own = await serveNames(internals(near), { answer: async () => undefined });
    expect(own.port).toBe(53);
    expect((await dig(near, 'web.example', 'A')).status).toBe('SERVFAIL');
    expect([...first.questions(), ...second.questions()]).toEqual([]);
  });

  test('the namespace that queries leave from is closed', async () => {
    const from = await Netns.create();
    await using own = await serveNames(internals(inside), {
      port: 5302,
      answer: async () => undefined,
      forward: { from: internals(from), nameservers: async () => [parseNameserver('127.0.0.1')!] },
    });
    // Nobody answers there, and a query is under way when it is closed.
    const silent = await from.datagram('udp4', { bind: { host: '127.0.0.1', port: 53 } });
    const asked = new Promise((resolve) => silent.once('message', resolve));
    const found = dig(inside, '-p', `${own.port}`, 'web.example', 'A');
    await asked;
    await from.close();
    expect((await found).status).toBe('SERVFAIL');
    expect((await dig(inside, '-p', `${own.port}`, 'web.example', 'A')).status).toBe('SERVFAIL');
  });
});

describe('much', () => {
  test('1,000 queries at once', async () => {
    const count = scaled(1000, 50);
    const socket = await inside.datagram('udp4', { bind: { host: '127.0.0.1' }, recvBufferSize: 1 << 20 });
    const codes = new Map<number, number>();
    socket.on('message', (bytes) => codes.set(bytes.readUInt16BE(0), bytes[3]! & 15));
    const ask = (id: number) =>
      socket.send(query(id % 2 ? 'mine' : 'web.example', id % 3 ? 'A' : 'AAAA', { id }), 53, '127.0.0.11');
    // As clients do, what is lost where sockets have no room is asked for again.
    await expect
      .poll(
        () => {
          for (let id = 0; id < count; id++) if (!codes.has(id)) ask(id);
          return codes.size;
        },
        { interval: 1000, timeout: 30_000 },
      )
      .toBe(count);
    socket.close();
    expect(new Set(codes.values())).toEqual(new Set([0]));
  });

  test('a flood that nobody answers: SERVFAIL at once for what is too much, its own names as ever', async () => {
    first.respond = second.respond = () => undefined;
    const socket = await inside.datagram('udp4', { bind: { host: '127.0.0.1' }, recvBufferSize: 1 << 20 });
    let refused = 0;
    const some = new Promise<void>((resolve) => {
      socket.on('message', (bytes) => {
        if ((bytes[3]! & 15) === 2 && ++refused === 100) resolve();
      });
    });
    const begin = sockets();
    for (let id = 0; id < 1400; id++) {
      socket.send(query('web.example', 'A', { id }), 53, '127.0.0.11');
      if (id % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await some;
    expect(sockets() - begin).toBeLessThanOrEqual(128);
    socket.close();
    await expect
      .poll(async () => (await dig(inside, '+time=9', 'mine', 'A')).status, { timeout: 9000 })
      .toBe('NOERROR');
  }, 20_000);

  test('close() with queries under way leaves nothing', async () => {
    first.respond = second.respond = () => undefined;
    const start = sockets();
    const own = await serveNames(internals(inside), {
      port: 5303,
      answer: async () => undefined,
      forward: forward(),
    });
    const socket = await inside.datagram('udp4', { bind: { host: '127.0.0.1' } });
    for (let id = 0; id < 200; id++) socket.send(query('web.example', 'A', { id }), 5303, '127.0.0.11');
    await expect.poll(() => first.asked.length).toBeGreaterThan(50);
    await own.close();
    await new Promise<void>((resolve) => socket.close(resolve));
    await expect.poll(sockets, { timeout: 500 }).toBe(start);
  });
});

test('the server is what it was', () => expect(server.closed).toBe(false));
