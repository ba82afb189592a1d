// Programs that use a nameserver in their namespace: the C library, c-ares; what it may be sent; how it ends.
import { once } from 'node:events';
import packet from 'dns-packet';
import fc from 'fast-check';
import { type Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serveNames } from '../../lib/names/server.js';
import { readQuery } from '../../lib/names/server-query.js';
import { internals } from '../../lib/namespaces/network.js';
import { cable, sockets } from '../sockets/cable.js';
import { scaled } from '../support/scale.js';
import { node } from '../support/witness.js';
import { a, aaaa, TestServer, zone } from './nameserver.js';
import { askUdp, dig, query } from './server-client.js';

const scope = new Scope();
let inside: Netns;
let outside: Netns;
let nameserver = '127.0.0.53';
let before: number;

const OWN: Record<string, { 4: string[]; 6: string[] }> = {
  web: { 4: ['10.0.0.2'], 6: ['fd00::2'] },
  db: { 4: ['10.0.0.3'], 6: [] },
  six: { 4: [], 6: ['fd00::6'] },
};

beforeAll(async () => {
  // With addresses: the C library asks for those of families alone that it has one of.
  ({ near: inside, far: outside } = await cable(scope));
  await scope.use(
    TestServer.open(
      outside,
      '127.0.0.53',
      zone([a('far.example', '10.0.9.1'), aaaa('far.example', 'fd09::1')]),
    ),
  );
  await scope.use(
    serveNames(internals(inside), {
      answer: async (name, family) => OWN[name]?.[family],
      reverse: async (ip) => (ip === '10.0.0.2' ? ['web'] : undefined),
      forward: {
        from: internals(outside),
        nameservers: async () => [{ address: nameserver, family: 4, port: 53 }],
      },
    }),
  );
  inside.nameservers = ['127.0.0.11'];
  await dig(inside, 'far.example', 'A');
  before = sockets();
});
afterAll(() => scope[Symbol.asyncDispose]());
afterEach(() => expect.poll(sockets, { timeout: 8000 }).toBe(before));

const getent = async (...args: string[]) => {
  const { stdout, code } = await inside.run('getent', args, { reject: false });
  return code === 0
    ? stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/\s+/g, ' ').trim())
    : `exit code ${code}`;
};

describe('the C library', () => {
  test.each([
    [
      ['ahostsv4', 'web'],
      ['10.0.0.2 STREAM web', '10.0.0.2 DGRAM', '10.0.0.2 RAW'],
    ],
    [
      ['ahostsv6', 'six'],
      ['fd00::6 STREAM six', 'fd00::6 DGRAM', 'fd00::6 RAW'],
    ],
    [['hosts', 'six'], ['fd00::6 six']],
    [
      ['ahostsv4', 'db'],
      ['10.0.0.3 STREAM db', '10.0.0.3 DGRAM', '10.0.0.3 RAW'],
    ],
    [
      ['ahostsv4', 'far.example'],
      ['10.0.9.1 STREAM far.example', '10.0.9.1 DGRAM', '10.0.9.1 RAW'],
    ],
    [['hosts', '10.0.0.2'], ['10.0.0.2 web']],
    [['ahosts', 'none.example'], 'exit code 2'],
  ])('getent %j', async (args, found) => {
    expect(await getent(...args)).toEqual(found);
  });

  test('both families', async () => {
    const found = await getent('ahosts', 'web');
    expect(found).toContain('10.0.0.2 DGRAM');
    // A and AAAA go out together, from one socket.
    expect(await getent('ahosts', 'db')).toEqual(['10.0.0.3 STREAM db', '10.0.0.3 DGRAM', '10.0.0.3 RAW']);
  });
});

test('c-ares and getaddrinfo() of another Node', { timeout: 30_000 }, async () => {
  const program = `
    const { promises: dns, Resolver } = require('node:dns');
    const own = new dns.Resolver({ timeout: 4000, tries: 1 });
    own.setServers(['127.0.0.11']);
    const code = (error) => error.code;
    Promise.all([
      own.resolve4('web', { ttl: true }), own.resolve6('WEB'), own.resolve4('six').catch(code), own.resolveMx('db').catch(code),
      own.reverse('10.0.0.2'), own.resolve6('far.example'), own.resolve4('none.example').catch(code),
      dns.lookup('db'), dns.lookup('far.example', { family: 4 }), dns.lookup('none.example').catch(code),
    ]).then((all) => console.log(JSON.stringify(all)));`;
  const [file = '', ...args] = node;
  const { stdout } = await inside.run(file, [...args, '-e', program]);
  expect(JSON.parse(stdout)).toEqual([
    [{ address: '10.0.0.2', ttl: 600 }],
    ['fd00::2'],
    'ENODATA',
    'ENODATA',
    ['web'],
    ['fd09::1'],
    'ENOTFOUND',
    { address: '10.0.0.3', family: 4 },
    { address: '10.0.9.1', family: 4 },
    'ENOTFOUND',
  ]);
});

test('A and AAAA at once from one socket, as musl asks, are told apart by their numbers', async () => {
  const socket = await inside.datagram('udp4');
  const replies = new Map<number, unknown>();
  const both = new Promise<void>((resolve) => {
    socket.on('message', (bytes) => {
      const { id = -1, rcode, answers } = packet.decode(bytes) as packet.DecodedPacket & { rcode: string };
      replies.set(id, [rcode, answers?.length]);
      if (replies.size === 4) resolve();
    });
  });
  const ask = (name: string, type: 'A' | 'AAAA', id: number) =>
    socket.send(query(name, type, { id }), 53, '127.0.0.11');
  ask('far.example', 'A', 1);
  ask('far.example', 'AAAA', 2);
  ask('db', 'A', 3);
  ask('db', 'AAAA', 4);
  await both;
  await new Promise<void>((resolve) => socket.close(resolve));
  const one = ['NOERROR', 1];
  expect(Object.fromEntries(replies)).toEqual({ 1: one, 2: one, 3: one, 4: ['NOERROR', 0] });
});

describe('whatever is sent', () => {
  beforeAll(async () => {
    nameserver = '127.0.0.54';
    const echo = await outside.datagram('udp4', { bind: { host: nameserver, port: 53 } });
    echo.on('message', (bytes, { port, address }) => {
      bytes[2]! |= 0x80;
      echo.send(bytes, port, address);
    });
    before = sockets();
    return () => {
      echo.close();
    };
  });

  /** Bytes at random, and queries with some of theirs changed, or cut. */
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc
      .tuple(fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }), fc.nat(60))
      .map(([changes, length]) => {
        const bytes = query('web', 'A', {
          additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as never],
        });
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        return new Uint8Array(bytes.subarray(0, length + 1));
      }),
  );

  test('it is read without an error', () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const read = readQuery(bytes);
        if (typeof read === 'object') expect(read.end).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: scaled(20_000, 200) },
    );
  });

  test('by UDP it goes on', async () => {
    const socket = await inside.datagram('udp4');
    let told = 0;
    socket.on('message', () => told++);
    for (const bytes of fc.sample(anything, scaled(2000, 100))) {
      socket.send(bytes, 53, '127.0.0.11');
      await new Promise(setImmediate);
    }
    await new Promise<void>((resolve) => socket.close(resolve));
    expect(told).toBeGreaterThan(0);
    expect((await askUdp(inside, query('web')))?.readUInt16BE(6)).toBe(1);
  });

  test('by TCP it goes on', async () => {
    for (const bytes of fc.sample(anything, scaled(200, 20))) {
      const socket = await inside.connect({ host: '127.0.0.11', port: 53 });
      socket.on('error', () => {});
      socket.write(Buffer.from([0, bytes.length & 255]));
      socket.end(bytes);
      socket.resume();
      if (bytes.length % 3 === 0) socket.destroy();
      if (!socket.closed) await once(socket, 'close');
    }
    expect((await dig(inside, '+tcp', 'web', 'A')).answers).toHaveLength(1);
  });
});
