// netns.lookup, resolve and reverse against a nameserver inside.
import { createSocket } from 'node:dgram';
import { ADDRCONFIG, lookup as hostLookup, V4MAPPED } from 'node:dns';
import { once } from 'node:events';
import { get } from 'node:http';
import { type AddressInfo, connect as connectHere, createServer } from 'node:net';
import { promisify } from 'node:util';
import { Netns, Scope } from 'nsnet';
import { Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lookupAll } from '../../lib/names/lookup.js';
import { internals } from '../../lib/namespaces/network.js';
import { cable, FAR, sockets } from '../sockets/cable.js';
import { a, aaaa, answer, cname, RCODE, TestServer, zone } from './nameserver.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let server: TestServer;

const v4 = (address: string) => ({ address, family: 4 });
const v6 = (address: string) => ({ address, family: 6 });
const records = zone([
  a('web.example', '10.0.0.1'),
  a('web.example', '10.0.0.2'),
  aaaa('web.example', 'fd00::1'),
  a('four.example', '10.0.0.4'),
  aaaa('six.example', 'fd00::6'),
  cname('alias.example', 'web.example'),
  a('xn--bcher-kva.example', '10.0.0.5'),
  a('self.example', '127.0.0.1'),
  { name: 'web.example', type: 'MX', data: { preference: 10, exchange: 'mail.example' } },
  { name: 'web.example', type: 'MX', data: { preference: 0, exchange: '.' } },
  { name: 'web.example', type: 'NS', data: 'ns.example' },
  { name: 'web.example', type: 'TXT', data: ['one', 'two'] },
  { name: 'web.example', type: 'TXT', data: 'ünï' },
  { name: 'web.example', type: 'CAA', data: { flags: 128, tag: 'issue', value: 'ca.example' } },
  { name: 'web.example', type: 'SRV', data: { priority: 1, weight: 2, port: 3, target: 'srv.example' } },
  {
    name: 'web.example',
    type: 'NAPTR',
    data: {
      order: 1,
      preference: 2,
      flags: 's',
      services: 'SIP+D2U',
      regexp: '',
      replacement: 'sip.example',
    },
  },
  {
    name: 'web.example',
    type: 'SOA',
    data: {
      mname: 'ns.example',
      rname: 'host.example',
      serial: 1,
      refresh: 2,
      retry: 3,
      expire: 4,
      minimum: 5,
    },
  },
  { name: '1.0.0.10.in-addr.arpa', type: 'PTR', data: 'web.example' },
  { name: 'evil.example', type: 'PTR', data: '<script>.example' },
]);

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  // That nobody listens is to be told each time.
  await far.sysctl('net.ipv4.icmp_ratelimit', 0);
  server = await scope.use(TestServer.open(far, FAR.inet, records));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  near.nameservers = [FAR.inet];
  near.hosts.clear();
  server.respond = records;
  server.asked.length = 0;
});

/** What the hook calls back with. */
const called = (hostname: unknown, options?: unknown) =>
  new Promise<unknown[]>((resolve) => {
    const args = options === undefined ? [hostname] : [hostname, options];
    const result = (near.lookup as unknown as (...args: unknown[]) => unknown)(
      ...args,
      (...values: unknown[]) => resolve(values),
    );
    expect(result).toBe(undefined);
  });

describe('lookup() as dns.lookup', () => {
  test('one address, or all of them', async () => {
    expect(await called('web.example')).toEqual([null, 'fd00::1', 6]);
    expect(await called('web.example', 4)).toEqual([null, '10.0.0.1', 4]);
    expect(await called('web.example', { family: 'IPv6' })).toEqual([null, 'fd00::1', 6]);
    expect(await called('web.example', { all: true })).toEqual([
      null,
      [v6('fd00::1'), v4('10.0.0.1'), v4('10.0.0.2')],
    ]);
    expect(await called('alias.example', { all: true, order: 'ipv4first' })).toEqual([
      null,
      [v4('10.0.0.1'), v4('10.0.0.2'), v6('fd00::1')],
    ]);
    expect(await called('web.example', { verbatim: false })).toEqual([null, '10.0.0.1', 4]);
    expect(await called('BÜCHER.example')).toEqual([null, '10.0.0.5', 4]);
  });

  test('only the family that is wanted is asked for', async () => {
    await called('web.example', 4);
    await called('web.example', 6);
    expect(server.questions()).toEqual(['A web.example', 'AAAA web.example']);
  });

  test('addresses and "", as dns.lookup answers them', async () => {
    for (const [hostname, options] of [
      ['127.0.0.1', {}],
      ['127.0.0.1', { family: 6 }],
      ['::1', { all: true }],
      ['', {}],
      ['', { all: true }],
      ['', { family: 6 }],
    ] as const) {
      const expected = await new Promise((resolve) =>
        hostLookup(hostname, options as object, (...values: unknown[]) => resolve(values)),
      );
      expect(await called(hostname, options)).toEqual(expected);
    }
    expect(server.questions()).toEqual([]);
  });

  test('V4MAPPED: where there is no IPv6 address', async () => {
    const hints = V4MAPPED;
    expect(await called('four.example', { family: 6, hints })).toEqual([null, '::ffff:10.0.0.4', 6]);
    expect(await called('web.example', { family: 6, hints, all: true })).toEqual([null, [v6('fd00::1')]]);
    expect(await called('four.example', { family: 6 })).toMatchObject([{ code: 'ENOTFOUND' }]);
  });

  test('ADDRCONFIG: families that the namespace has addresses of', async () => {
    const alone = await scope.use(Netns.create());
    alone.hosts.set('web', ['10.0.0.1', 'fd00::1', '127.0.0.1']);
    const all = promisify(alone.lookup);
    expect(await all('web', { all: true, hints: ADDRCONFIG })).toEqual([v4('127.0.0.1')]);
    near.hosts.set('web', ['10.0.0.1', 'fd00::1']);
    expect(await called('web', { all: true, hints: ADDRCONFIG })).toEqual([
      null,
      [v6('fd00::1'), v4('10.0.0.1')],
    ]);
  });

  test('promisified', async () => {
    const lookup = promisify(near.lookup);
    expect(await lookup('web.example', { all: false })).toEqual(v6('fd00::1'));
    expect(await lookup('web.example', 4)).toEqual(v4('10.0.0.1'));
    expect(await lookup('web.example', { all: true, family: 6 })).toEqual([v6('fd00::1')]);
    await expect(lookup('none.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('what dns.lookup throws is thrown', () => {
    const lookup = near.lookup as (...args: unknown[]) => void;
    const done = () => {};
    for (const [args, code] of [
      [['x'], 'ERR_INVALID_ARG_TYPE'],
      [['x', {}], 'ERR_INVALID_ARG_TYPE'],
      [[7, done], 'ERR_INVALID_ARG_TYPE'],
      [['x', 'y', done], 'ERR_INVALID_ARG_TYPE'],
      [['x', 5, done], 'ERR_INVALID_ARG_VALUE'],
      [['x', { family: 'IPv5' }, done], 'ERR_INVALID_ARG_VALUE'],
      [['x', { all: 1 }, done], 'ERR_INVALID_ARG_TYPE'],
      [['x', { hints: -1 }, done], 'ERR_OUT_OF_RANGE'],
      [['x', { order: 'any' }, done], 'ERR_INVALID_ARG_VALUE'],
    ] as const) {
      expect(() => lookup(...args)).toThrow(expect.objectContaining({ code }));
    }
  });

  test('errors are those of dns.lookup, and say where', async () => {
    expect(await called('none.example')).toMatchObject([
      {
        name: 'NsnetError',
        code: 'ENOTFOUND',
        errno: -3008,
        syscall: 'getaddrinfo',
        hostname: 'none.example',
        subject: expect.stringContaining("name 'none.example' in "),
      },
    ]);
    server.respond = (asked) => answer(asked, [], { rcode: RCODE.SERVFAIL });
    expect(await called('web.example')).toMatchObject([
      {
        code: 'EAI_AGAIN',
        errno: -3001,
        hostname: 'web.example',
        hint: expect.stringContaining(`${FAR.inet}: SERVFAIL`),
      },
    ]);
    near.nameservers = [`${FAR.inet}:5353`];
    expect(await called('web.example')).toMatchObject([
      { code: 'EAI_AGAIN', hint: expect.stringContaining('ECONNREFUSED') },
    ]);
  });

  test('an error thrown by the callback is nobody’s rejection', async () => {
    const thrown = new Error('by the callback');
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const caught = once(process, 'uncaughtException');
      near.lookup('127.0.0.1', () => {
        throw thrown;
      });
      expect((await caught)[0]).toBe(thrown);
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});

describe('in Node’s own APIs', () => {
  // The sockets are this process's own; that the name is resolved inside is what counts here.
  const lookup = () => near.lookup;

  test('net.connect() and http.get()', async () => {
    const here = createServer((stream) => {
      stream.on('error', () => {}).resume();
      stream.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
    await new Promise<void>((resolve, reject) => {
      here.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const { port } = here.address() as AddressInfo;
    try {
      for (const autoSelectFamily of [false, true]) {
        const socket = connectHere({ host: 'self.example', port, lookup: lookup(), autoSelectFamily });
        await once(socket, 'connect');
        socket.destroy();
      }
      const request = get({ host: 'self.example', port, lookup: lookup(), agent: false });
      const [response] = await once(request, 'response');
      expect(response.statusCode).toBe(200);
      response.resume();
      await once(response, 'end');
    } finally {
      here.close();
    }
    expect(new Set(server.questions())).toEqual(new Set(['A self.example', 'AAAA self.example']));
  });

  test('an error comes as that of the socket', async () => {
    const socket = connectHere({ host: 'none.example', port: 1, lookup: lookup() });
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ENOTFOUND', hostname: 'none.example' });
  });

  test('dgram.createSocket()', async () => {
    const receiver = createSocket('udp4').bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const sender = createSocket({ type: 'udp4', lookup: lookup() });
    sender.send('hello', receiver.address().port, 'self.example');
    const [message] = await once(receiver, 'message');
    expect(String(message)).toBe('hello');
    sender.close();
    receiver.close();
  });

  test('undici', async () => {
    const here = createServer((stream) => {
      stream.on('error', () => {}).resume();
      stream.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
    await new Promise<void>((resolve) => here.listen(0, '127.0.0.1', resolve));
    const agent = new Agent({ connect: { lookup: lookup() } });
    const url = `http://self.example:${(here.address() as AddressInfo).port}`;
    const { body } = await request(url, { dispatcher: agent });
    expect(await body.text()).toBe('ok');
    await agent.destroy();
    here.close();
  });

  test('netns.connect() and netns.listen() take names of the namespace', async () => {
    near.hosts.set('far', [FAR.inet6, FAR.inet]);
    far.hosts.set('me', FAR.inet);
    const listening = createServer((stream) => stream.end());
    await using listener = await far.listen(listening, { host: 'me' });
    expect(listener.address).toBe(FAR.inet);
    const socket = await near.connect({ host: 'far', port: listener.port });
    expect(socket.remoteAddress).toBe(FAR.inet);
    socket.destroy();
    await expect(near.connect({ host: 'none.example', port: 1 })).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
  });
});

describe('resolve() as dns.promises.resolve', () => {
  test.each([
    ['A', ['10.0.0.1', '10.0.0.2']],
    ['AAAA', ['fd00::1']],
    [
      'MX',
      [
        { exchange: 'mail.example', priority: 10 },
        { exchange: '', priority: 0 },
      ],
    ],
    ['NS', ['ns.example']],
    ['TXT', [['one', 'two'], ['ünï']]],
    ['CAA', [{ critical: 128, issue: 'ca.example' }]],
    ['SRV', [{ name: 'srv.example', port: 3, priority: 1, weight: 2 }]],
    [
      'NAPTR',
      [{ flags: 's', service: 'SIP+D2U', regexp: '', replacement: 'sip.example', order: 1, preference: 2 }],
    ],
    [
      'SOA',
      {
        nsname: 'ns.example',
        hostmaster: 'host.example',
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minttl: 5,
      },
    ],
  ] as const)('%s', async (type, expected) => {
    expect(await near.resolve('web.example', type)).toEqual(expected);
    if (type === 'MX') expect(await near.resolve('alias.example', type)).toEqual(expected);
  });

  test('CNAME, PTR; A is usual', async () => {
    expect(await near.resolve('alias.example', 'CNAME')).toEqual(['web.example']);
    expect(await near.resolve('1.0.0.10.in-addr.arpa', 'PTR')).toEqual(['web.example']);
    expect(await near.resolve('alias.example.')).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  test('netns.hosts plays no part, localhost does', async () => {
    near.hosts.set('web.example', '10.9.9.9');
    expect(await near.resolve('web.example')).toEqual(['10.0.0.1', '10.0.0.2']);
    server.questions();
    expect(await near.resolve('x.localhost')).toEqual(['127.0.0.1']);
    expect(await near.resolve('LOCALHOST', 'AAAA')).toEqual(['::1']);
    await expect(near.resolve('localhost', 'MX')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(near.resolve('x.onion')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(server.questions()).toEqual([]);
  });

  test('errors have Node’s codes', async () => {
    await expect(near.resolve('none.example')).rejects.toMatchObject({
      code: 'ENOTFOUND',
      hostname: 'none.example',
      syscall: 'queryA',
    });
    await expect(near.resolve('four.example', 'AAAA')).rejects.toMatchObject({
      code: 'ENODATA',
      syscall: 'queryAaaa',
    });
    await expect(near.resolve('a..b')).rejects.toMatchObject({ code: 'EBADNAME' });
    await expect(near.resolve('evil.example', 'PTR')).rejects.toMatchObject({ code: 'EBADRESP' });
    for (const [name, code] of [
      ['FORMERR', 'EFORMERR'],
      ['SERVFAIL', 'ESERVFAIL'],
      ['NOTIMP', 'ENOTIMP'],
      ['REFUSED', 'EREFUSED'],
    ] as const) {
      server.respond = (asked) => answer(asked, [], { rcode: RCODE[name] });
      await expect(near.resolve('web.example')).rejects.toMatchObject({ code });
    }
    near.nameservers = [`${FAR.inet}:5353`];
    await expect(near.resolve('web.example')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('bad arguments', async () => {
    const code = (value: string) => expect.objectContaining({ code: value });
    await expect(near.resolve(7 as never)).rejects.toThrow(code('ERR_INVALID_ARG_TYPE'));
    await expect(near.resolve('x', 'ANY' as never)).rejects.toThrow(code('ERR_INVALID_ARG_VALUE'));
    await expect(near.resolve('x', 'A', { ttl: true } as never)).rejects.toThrow(
      code('ERR_INVALID_ARG_VALUE'),
    );
    await expect(near.reverse('web.example')).rejects.toThrow(code('ERR_INVALID_ARG_VALUE'));
  });
});

describe('reverse()', () => {
  test('netns.hosts, then nameservers', async () => {
    expect(await near.reverse('10.0.0.1')).toEqual(['web.example']);
    near.hosts.set('mine', ['10.0.0.9', '10.0.0.1']);
    expect(await near.reverse('10.0.0.1')).toEqual(['mine']);
    expect(await near.reverse('127.0.0.1')).toEqual(['localhost']);
    await expect(near.reverse('10.0.0.7')).rejects.toMatchObject({
      code: 'ENOTFOUND',
      syscall: 'getHostByAddr',
      hostname: '10.0.0.7',
    });
    await near.reverse('2001:db8::567:89ab').catch(() => {});
    expect(server.questions().at(-1)).toBe(
      'PTR b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
    );
  });
});

describe('nameservers', () => {
  test('are checked when they are set, and when they are used', async () => {
    for (const [value, code] of [
      ['10.0.0.1', 'ERR_INVALID_ARG_TYPE'],
      [[7], 'ERR_INVALID_ARG_TYPE'],
      [['ns.example'], 'ERR_INVALID_ARG_VALUE'],
      [['10.0.0.1:0'], 'ERR_INVALID_ARG_VALUE'],
      [['10.0.0.1:65536'], 'ERR_INVALID_ARG_VALUE'],
      [['[10.0.0.1]:53'], 'ERR_INVALID_ARG_VALUE'],
      [[''], 'ERR_INVALID_ARG_VALUE'],
    ] as const) {
      expect(() => {
        near.nameservers = value as never;
      }).toThrow(expect.objectContaining({ code }));
    }
    expect(near.nameservers).toEqual([FAR.inet]);
    near.nameservers.push('nonsense');
    expect(await called('web.example')).toMatchObject([{ code: 'ERR_INVALID_ARG_VALUE' }]);
    near.nameservers = [`[${FAR.inet6}]:53`];
    expect(near.nameservers).toEqual([`[${FAR.inet6}]:53`]);
  });
});

describe('a host with a nameserver at the same address and port', () => {
  test('is never asked', async () => {
    const inside = await scope.use(Netns.create());
    const decoyed: string[] = [];
    const decoy = createSocket('udp4').on('message', () => decoyed.push('udp'));
    const decoyTcp = createServer((stream) => {
      decoyed.push('tcp');
      stream.destroy();
    });
    await new Promise<void>((resolve) => decoy.bind(0, '0.0.0.0', resolve));
    const { port } = decoy.address();
    await new Promise<void>((resolve) => decoyTcp.listen(port, '0.0.0.0', resolve));
    try {
      inside.nameservers = [`127.0.0.1:${port}`];
      // Nobody listens inside: the decoy would.
      await expect(inside.resolve('web.example')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await expect(promisify(inside.lookup)('web.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' });
      await using own = await TestServer.open(
        inside,
        '127.0.0.1',
        (asked) => (asked.tcp ? records(asked) : answer(asked, [], { flags: 0x200 })),
        port,
      );
      expect(await inside.resolve('web.example')).toEqual(['10.0.0.1', '10.0.0.2']);
      expect(await promisify(inside.lookup)('localhost', { all: true })).toHaveLength(2);
      expect(own.questions()).toEqual(['A web.example', 'A web.example by TCP']);
      expect(decoyed).toEqual([]);
    } finally {
      decoy.close();
      decoyTcp.close();
    }
  });
});

describe('broken off', () => {
  let before: number;
  beforeEach(async () => {
    await called('web.example');
    before = sockets();
    server.questions();
    server.respond = () => undefined;
  });
  afterEach(() => expect.poll(sockets).toBe(before));

  const whenAsked = () => expect.poll(() => server.asked.length).toBeGreaterThan(0);

  test('by a signal', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const works = [
      near.resolve('web.example', 'MX', { signal }),
      near.reverse('10.0.0.1', { signal }),
      lookupAll(internals(near), 'web.example', { signal }),
      promisify(near.lookup)('web.example', { signal, all: true }),
    ].map((work) =>
      work.then(
        () => 'settled',
        (error: Error) => error.name,
      ),
    );
    await whenAsked();
    abort.abort();
    expect(await Promise.all(works)).toEqual(Array(4).fill('AbortError'));
    server.questions();
    await expect(near.resolve('web.example', 'A', { signal })).rejects.toThrow('aborted');
    expect(server.questions()).toEqual([]);
  });

  test('by a signal, while TCP is waited for', async () => {
    server.respond = (asked) => (asked.tcp ? undefined : answer(asked, [], { flags: 0x200 }));
    const abort = new AbortController();
    const work = near.resolve('web.example', 'A', { signal: abort.signal });
    const rejected = expect(work).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => server.asked.some(({ tcp }) => tcp)).toBe(true);
    abort.abort();
    await rejected;
    await expect.poll(() => server.streams).toBe(0);
  });

  test('by close() of the namespace', async () => {
    const other = await Netns.open({ fd: near.fd });
    other.nameservers = [FAR.inet];
    const works = [
      other.resolve('web.example'),
      promisify(other.lookup)('web.example'),
      lookupAll(internals(other), 'web.example'),
    ].map((work) =>
      work.then(
        () => 'settled',
        (error: { code: string }) => error.code,
      ),
    );
    await whenAsked();
    await other.close();
    expect(await Promise.all(works)).toEqual(Array(3).fill('ERR_NSNET_CLOSED'));
    await expect(other.resolve('web.example')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await expect(promisify(other.lookup)('localhost')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });
});

test('close() of the namespace while TCP is waited for', async () => {
  server.respond = (asked) => (asked.tcp ? undefined : answer(asked, [], { flags: 0x200 }));
  const other = await Netns.open({ fd: near.fd });
  other.nameservers = [FAR.inet];
  const rejected = expect(other.resolve('web.example')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  await expect.poll(() => server.streams).toBe(1);
  await other.close();
  await rejected;
  await expect.poll(() => server.streams).toBe(0);
});

test('many at once, each with its own answer', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `${i % 2}-${i}`);
  server.respond = (asked) => {
    const [x, y] = asked.name.split('.')[0]!.split('-');
    return answer(asked, asked.type === 'A' ? [a(asked.name, `10.1.${x}.${y}`)] : []);
  };
  const found = await Promise.all(names.map((name) => lookupAll(internals(near), `${name}.example`)));
  expect(found).toEqual(names.map((name) => [v4(`10.1.${name.replace('-', '.')}`)]));
});
