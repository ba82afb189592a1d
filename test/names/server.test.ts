// A nameserver that knows names by itself, asked by dig and by hand.
import { connect as connectHere } from 'node:net';
import packet from 'dns-packet';
import { Netns, NsnetError, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type NameServer, serveNames } from '../../lib/names/server.js';
import type { ServerOptions } from '../../lib/names/server-options.js';
import { internals } from '../../lib/namespaces/network.js';
import { sockets } from '../sockets/cable.js';
import { ASKED, askAllTcp, askTcp, askUdp, dig, query } from './server-client.js';

const scope = new Scope();
let inside: Netns;
let server: NameServer;
let before: number;

const MANY = Array.from({ length: 60 }, (_, i) => `10.0.1.${i}`);
const NAMES: Record<string, { 4?: string[]; 6?: string[] }> = {
  web: { 4: ['10.0.0.2'], 6: ['fd00::2'] },
  db: { 4: ['10.0.0.3', '10.0.0.4'] },
  six: { 6: ['fd00::6'] },
  'web.front': { 4: ['10.0.0.5'] },
  many: { 4: MANY },
  wrong: { 4: ['no address'] },
};

const options: ServerOptions = {
  async answer(name, family) {
    if (name === 'broken') throw new Error('no');
    if (name === 'slow') return new Promise(() => {});
    return NAMES[name] && (NAMES[name][family] ?? []);
  },
  async reverse(ip) {
    return { '10.0.0.2': ['web', 'web.front'], 'fd00::2': ['web'], '10.0.0.9': [] }[ip];
  },
};

beforeAll(async () => {
  inside = await scope.use(Netns.create());
  server = await scope.use(serveNames(internals(inside), options));
  await askUdp(inside, query('web'));
  before = sockets();
});
afterAll(() => scope[Symbol.asyncDispose]());
afterEach(() => expect.poll(sockets).toBe(before));

test('it listens where a container of Docker has one', () => {
  expect({ ...(server.toJSON() as object) }).toEqual({ address: '127.0.0.11', port: 53 });
  expect(`${server}`).toMatch(/^NameServer \{ 127\.0\.0\.11:53 in an unnamed netns \}$/);
});

describe.each(['+notcp', '+tcp'])('dig %s', (transport) => {
  test.each([
    ['web', 'A', 'NOERROR', ['web. 600 IN A 10.0.0.2']],
    ['web', 'AAAA', 'NOERROR', ['web. 600 IN AAAA fd00::2']],
    ['db', 'A', 'NOERROR', ['db. 600 IN A 10.0.0.3', 'db. 600 IN A 10.0.0.4']],
    ['db', 'AAAA', 'NOERROR', []],
    ['six', 'A', 'NOERROR', []],
    ['WeB.FRONT.', 'A', 'NOERROR', ['WeB.FRONT. 600 IN A 10.0.0.5']],
    ['web', 'MX', 'NOERROR', []],
    ['web', 'TXT', 'NOERROR', []],
    ['web', 'HTTPS', 'NOERROR', []],
    ['six', 'SOA', 'NOERROR', []],
    ['localhost', 'A', 'NOERROR', ['localhost. 600 IN A 127.0.0.1']],
    ['a.localhost', 'AAAA', 'NOERROR', ['a.localhost. 600 IN AAAA ::1']],
    ['x.invalid', 'A', 'NXDOMAIN', []],
    ['x.onion', 'A', 'NXDOMAIN', []],
    ['other', 'A', 'SERVFAIL', []],
    ['web\\.front', 'A', 'SERVFAIL', []],
    ['web.example', 'MX', 'SERVFAIL', []],
    ['.', 'NS', 'SERVFAIL', []],
    ['broken', 'A', 'SERVFAIL', []],
    ['wrong', 'A', 'SERVFAIL', []],
    [
      '2.0.0.10.in-addr.arpa',
      'PTR',
      'NOERROR',
      ['2.0.0.10.in-addr.arpa. 600 IN PTR web.', '2.0.0.10.in-addr.arpa. 600 IN PTR web.front.'],
    ],
    ['9.0.0.10.in-addr.arpa', 'PTR', 'NOERROR', []],
    ['8.0.0.10.in-addr.arpa', 'PTR', 'SERVFAIL', []],
    ['0.0.10.in-addr.arpa', 'PTR', 'SERVFAIL', []],
    ['02.0.0.10.in-addr.arpa', 'PTR', 'SERVFAIL', []],
  ])('%s %s: %s', async (name, type, status, answers) => {
    expect(await dig(inside, transport, name, type)).toMatchObject({ status, answers });
  });

  test('-x of an IPv6 address, ANY, class CH', async () => {
    const owner = `2.${'0.'.repeat(29)}d.f.ip6.arpa.`;
    expect((await dig(inside, transport, '-x', 'fd00::2')).answers).toEqual([`${owner} 600 IN PTR web.`]);
    expect(await dig(inside, transport, 'web', 'ANY', '+notcp')).toMatchObject({
      status: 'NOERROR',
      answers: [],
    });
    expect((await dig(inside, transport, 'version.bind', 'TXT', 'CH')).status).toBe('SERVFAIL');
  });

  test('EDNS is answered with EDNS, and its absence without', async () => {
    expect((await dig(inside, transport, 'web', 'A', '+edns', '+dnssec')).text).toMatch(
      /EDNS: version: 0, flags: do; udp: 1232/,
    );
    expect((await dig(inside, transport, 'web', 'A', '+noedns')).text).not.toContain('EDNS');
    const newer = await dig(inside, transport, 'web', 'A', '+edns=3', '+noednsnegotiation');
    expect(newer.status).toBe('BADVERS');
  });

  test('options of EDNS that it does not know are passed over', async () => {
    const found = await dig(
      inside,
      transport,
      'web',
      'A',
      '+cookie',
      '+subnet=10.0.0.0/8',
      '+padding=64',
      '+nsid',
    );
    expect(found).toMatchObject({ status: 'NOERROR', answers: ['web. 600 IN A 10.0.0.2'] });
  });

  test('other operations: NOTIMP', async () => {
    expect((await dig(inside, transport, '+opcode=notify', 'web', 'A')).status).toBe('NOTIMP');
  });
});

test('what is too long for UDP is cut short, and whole by TCP', async () => {
  const short = await dig(inside, 'many', 'A', '+noedns', '+ignore');
  expect(short.flags).toEqual(['qr', 'tc', 'rd', 'ra']);
  // 12 + 10 of the header and the question; 16 each.
  expect(short.answers).toHaveLength(30);
  expect(short.bytes).toBeLessThanOrEqual(512);
  const edns = await dig(inside, 'many', 'A', '+bufsize=700', '+ignore');
  expect(edns.flags).toContain('tc');
  expect(edns.answers).toHaveLength(41);
  expect(edns.bytes).toBeLessThanOrEqual(700);
  const whole = ['+bufsize=1232', '+noedns'];
  for (const how of whole) {
    const found = await dig(inside, 'many', 'A', how);
    expect(found.flags).not.toContain('tc');
    expect(found.answers).toHaveLength(60);
  }
});

test('less than 512 bytes cannot be asked for', async () => {
  expect((await dig(inside, 'many', 'A', '+bufsize=100', '+ignore')).answers).toHaveLength(29);
});

test('flags: RD and CD as they came, nothing else', async () => {
  expect((await dig(inside, 'web', 'A', '+norecurse', '+cdflag', '+adflag')).flags).toEqual([
    'qr',
    'ra',
    'cd',
  ]);
});

describe('by hand', () => {
  test('the number and the question come back to the letter', async () => {
    const asked = query('WEB', 'A', { id: 4711 });
    const reply = await askUdp(inside, asked);
    expect(packet.decode(reply!)).toMatchObject({ id: 4711, questions: [{ name: 'WEB' }] });
    expect(reply!.subarray(12, asked.length)).toEqual(asked.subarray(12));
  });

  const change = (at: number, ...bytes: number[]) => {
    const message = query('web');
    message.set(bytes, at);
    return message;
  };
  const twice = packet.encode({ type: 'query', id: 1, questions: [ASKED, ASKED] });
  const header = (rcode: number, opcode = 0) =>
    Buffer.from([0, 1, 0x81 | (opcode << 3), 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0]);

  test.each([
    ['an answer', change(2, 0x81), undefined],
    ['an answer to another operation', change(2, 0xa1), undefined],
    ['less than a header', query('web').subarray(0, 11), undefined],
    ['nothing', Buffer.alloc(0), undefined],
    ['STATUS', change(2, 0x11), header(4, 2)],
    ['no question', change(5, 0), header(1)],
    [
      'two questions',
      Buffer.from(twice),
      Buffer.concat([header(1).subarray(0, 2), Buffer.from([0x80]), header(1).subarray(3)]),
    ],
    ['half a question', query('web').subarray(0, 18), header(1)],
    ['a header alone', query('web').subarray(0, 12), header(1)],
    ['a name that points to itself', change(12, 0xc0, 0x0c), header(1)],
    ['a label of 64 bytes', change(12, 64), header(1)],
    ['a record that is not there', change(11, 1), header(1)],
  ])('%s', async (_, message, reply) => {
    for (const ask of [askUdp, askTcp]) {
      // What follows is answered: that is how silence is known.
      const first = await ask(inside, message, query('web', 'A', { id: 99 }));
      if (reply) expect(first).toEqual(reply);
      else expect(first?.readUInt16BE(0)).toBe(99);
    }
  });

  test('a name that is longer than any', async () => {
    const label = Buffer.from([62, ...Buffer.alloc(62, 'x')]);
    const long = (count: number) =>
      Buffer.concat([query('').subarray(0, 12), ...Array(count).fill(label), Buffer.from([0, 0, 1, 0, 1])]);
    expect((await askUdp(inside, long(4)))![3]! & 15).toBe(2);
    expect((await askUdp(inside, long(5)))![3]! & 15).toBe(1);
  });

  test('a name of other bytes is nobody’s, and comes back as it was', async () => {
    const message = query('web');
    message.set([0xff, 0, 0x2e], 13);
    const reply = await askUdp(inside, message);
    expect(reply!.subarray(12)).toEqual(message.subarray(12));
    expect(reply![3]! & 15).toBe(2);
  });
});

test('who does not answer is not waited for: SERVFAIL', { timeout: 15_000 }, async () => {
  expect((await dig(inside, 'slow', 'A', '+time=9')).status).toBe('SERVFAIL');
});

describe('where it cannot listen', () => {
  const refused = (netns: Netns, changes: Partial<ServerOptions> = {}) =>
    serveNames(internals(netns), { ...options, ...changes }).then(
      () => undefined,
      (error) => error as NsnetError,
    );

  test('there is one already', async () => {
    const error = await refused(inside);
    expect(error).toBeInstanceOf(NsnetError);
    expect(error).toMatchObject({
      code: 'EADDRINUSE',
      address: '127.0.0.11',
      port: 53,
      subject: expect.stringMatching(/^127\.0\.0\.11:53 in an unnamed netns/),
      hint: expect.any(String),
    });
  });

  test('UDP alone is taken: nothing is left of TCP', async () => {
    await using netns = await Netns.create();
    const taken = await netns.datagram('udp4', { bind: { host: '127.0.0.11', port: 53 } });
    expect(await refused(netns)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    taken.close();
    const again = await serveNames(internals(netns), options);
    expect((await dig(netns, '+tcp', 'web', 'A')).status).toBe('NOERROR');
    await again.close();
  });

  test('its loopback is down', async () => {
    await using netns = await Netns.create({ loopback: false });
    expect(await refused(netns)).toMatchObject({
      code: 'EADDRNOTAVAIL',
      hint: expect.stringContaining("netns.links.get('lo')).up()"),
    });
    await (await netns.links.get('lo')).up();
    await (await serveNames(internals(netns), options)).close();
  });

  test('it is aborted, or the namespace is closed', async () => {
    expect(await refused(inside, { port: 0, signal: AbortSignal.abort() })).toMatchObject({
      name: 'AbortError',
    });
    const abort = new AbortController();
    const starting = refused(inside, { port: 0, signal: abort.signal });
    abort.abort();
    expect(await starting).toMatchObject({ name: 'AbortError' });
    const netns = await Netns.create();
    await netns.close();
    expect(await refused(netns)).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test.each([
    [{ host: 'localhost' }, 'ERR_INVALID_ARG_VALUE'],
    [{ host: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ host: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ port: '53' }, 'ERR_INVALID_ARG_TYPE'],
    [{ ttl: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ ttl: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
    [{ answer: undefined }, 'ERR_INVALID_ARG_TYPE'],
    [{ reverse: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ forward: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ forward: { from: {} } }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ prot: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ])('bad input: %j', async (changes, code) => {
    expect(await refused(inside, changes as object)).toMatchObject({ code });
  });
});

test('another address and port; IPv6; a time to live of 0', async () => {
  await using own = await serveNames(internals(inside), { ...options, host: '::1', port: 0, ttl: 0 });
  const found = await dig(inside, '@::1', '-p', `${own.port}`, 'web', 'A');
  expect(found.answers).toEqual(['web. 0 IN A 10.0.0.2']);
  expect((await dig(inside, '@::1', '-p', `${own.port}`, '+tcp', 'six', 'AAAA')).answers).toHaveLength(1);
});

describe('clients by TCP', () => {
  test('many queries by one connection, answered in pieces of any size', async () => {
    const asked = Array.from({ length: 100 }, (_, id) => query('db', 'A', { id }));
    const replies = await askAllTcp(inside, asked.length, ...asked);
    expect(replies.map((reply) => reply.readUInt16BE(0)).sort((a, b) => a - b)).toEqual(
      asked.map((_, id) => id),
    );
  });

  test('one that ends its side gets its answer', async () => {
    const socket = await inside.connect({ host: '127.0.0.11', port: 53, allowHalfOpen: true });
    const message = query('web');
    socket.end(Buffer.concat([Buffer.from([0, message.length]), message]));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    expect(packet.streamDecode(Buffer.concat(chunks))?.answers).toHaveLength(1);
  });

  test('more of them than it takes are turned away, and not for ever', async () => {
    const open = await Promise.all(
      Array.from({ length: 64 }, () => inside.connect({ host: '127.0.0.11', port: 53 })),
    );
    const more = await inside.connect({ host: '127.0.0.11', port: 53 });
    more.on('error', () => {});
    await new Promise((resolve) => more.resume().on('close', resolve));
    expect((await dig(inside, 'web', 'A')).status).toBe('NOERROR');
    for (const socket of open) socket.destroy();
    await expect
      .poll(() =>
        dig(inside, '+tcp', 'web', 'A').then(
          ({ status }) => status,
          () => '',
        ),
      )
      .toBe('NOERROR');
  });

  test('a message that is too long ends its connection', async () => {
    const socket = await inside.connect({ host: '127.0.0.11', port: 53 });
    socket.on('error', () => {});
    socket.write(Buffer.from([0xff, 0xff, 1, 2, 3]));
    await new Promise((resolve) => socket.resume().on('close', resolve));
  });

  test('one that says nothing, or half of it, is not kept', { timeout: 30_000 }, async () => {
    const idle = await inside.connect({ host: '127.0.0.11', port: 53 });
    const half = await inside.connect({ host: '127.0.0.11', port: 53 });
    const drip = setInterval(() => half.write('\0'), 1000);
    half.write(Buffer.from([2, 0]));
    for (const socket of [idle, half]) socket.on('error', () => {});
    await Promise.all(
      [idle, half].map((socket) => new Promise((resolve) => socket.resume().on('close', resolve))),
    );
    clearInterval(drip);
  });
});

test('this process’s own namespace has nothing of it', async () => {
  const socket = connectHere(53, '127.0.0.11');
  const code = await new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.on('connect', () => resolve('connected'));
  });
  socket.destroy();
  expect(code).not.toBe('connected');
});

test('close() ends what is under way at once; again is no error', async () => {
  const own = await serveNames(internals(inside), { ...options, port: 5300 });
  const socket = await inside.connect({ host: '127.0.0.11', port: 5300 });
  const message = query('slow');
  socket.write(Buffer.concat([Buffer.from([0, message.length]), message]));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.resume().on('close', resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all([own.close(), own.close()]);
  await closed;
  const again = await serveNames(internals(inside), { ...options, port: 5300 });
  await again.close();
});

test('closing the namespace object closes it', async () => {
  const netns = await Netns.create();
  const own = await serveNames(internals(netns), options);
  await netns.close();
  expect(own.closed).toBe(true);
});
