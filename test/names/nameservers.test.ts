// Nameservers that answer, are slow, refuse, or lie.
import packet from 'dns-packet';
import { type Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask } from '../../lib/names/ask.js';
import { findAddresses } from '../../lib/names/dns.js';
import type { ResolverSettings } from '../../lib/names/resolv-conf.js';
import { cable, FAR, NEAR, sockets } from '../sockets/cable.js';
import { a, aaaa, answer, asker, askOne, cname, RCODE, TestServer, zone } from './nameserver.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let first: TestServer;
let second: TestServer;
let before: number;

const SECOND = '192.168.7.3';
const both = [FAR.inet, SECOND];
const good = zone([a('web.example', '10.0.0.1'), aaaa('web.example', 'fd00::1')]);

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  // That nobody listens is to be told each time.
  await far.sysctl('net.ipv4.icmp_ratelimit', 0);
  await far.addresses.add({ device: 'eth0', address: `${SECOND}/24` });
  first = await scope.use(TestServer.open(far, FAR.inet, good));
  second = await scope.use(TestServer.open(far, SECOND, good));
  await askOne(asker(near, both), 'web.example');
  before = sockets();
});
afterAll(() => scope[Symbol.asyncDispose]());

beforeEach(() => {
  first.respond = good;
  second.respond = good;
  first.asked.length = 0;
  second.asked.length = 0;
});
// Ends of TCP connections at the server, and sockets made ahead, go a moment later.
afterEach(() => expect.poll(sockets).toBe(before));

test('A and AAAA go out together, from one socket, with numbers of their own', async () => {
  const found = await findAddresses(asker(near, both), 'web.example', 'web.example', [4, 6]);
  expect(found.addresses).toEqual([
    { address: '10.0.0.1', family: 4 },
    { address: 'fd00::1', family: 6 },
  ]);
  const [one, other] = first.asked;
  expect(first.questions().sort()).toEqual(['A web.example', 'AAAA web.example']);
  expect(one?.port).toBe(other?.port);
  expect(one?.id).not.toBe(other?.id);
  expect(one?.query).toMatchObject({
    flag_rd: true,
    flag_ad: false,
    additionals: [{ udpPayloadSize: 1232 }],
  });
  expect(second.questions()).toEqual([]);
});

test('numbers and ports are different each time', async () => {
  const by = asker(near, [FAR.inet]);
  for (let i = 0; i < 20; i++) await askOne(by, 'web.example');
  expect(new Set(first.asked.map(({ id }) => id)).size).toBeGreaterThan(15);
  expect(new Set(first.asked.map(({ port }) => port)).size).toBeGreaterThan(10);
});

/** What a router or a host says of a question: destination unreachable, with that code. */
function unreachable(code: number, port: number): Uint8Array {
  const message = Buffer.alloc(36);
  message.set([3, code], 0);
  // The headers of the question: 28 bytes of IPv4 and UDP.
  message.set([0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 7, 1, 192, 168, 7, 2], 8);
  message.writeUInt16BE(port, 28);
  message.writeUInt16BE(53, 30);
  message.writeUInt16BE(40, 32);
  let sum = 0;
  for (let i = 0; i < message.length; i += 2) sum += message.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  message.writeUInt16BE(~sum & 0xffff, 2);
  return message;
}

test.each([
  [2, 'ENOPROTOOPT'],
  [8, 'ENONET'],
  [13, 'EHOSTUNREACH'],
])('whatever the network says of one, another is asked: unreachable with code %i, %s', async (code, name) => {
  await using router = await far.raw({ protocol: 'icmp' });
  const told: Promise<void>[] = [];
  first.respond = ({ port }) => {
    told.push(router.send(unreachable(code, port), NEAR.inet));
    return undefined;
  };
  expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
  expect(await askOne(asker(near, [FAR.inet]), 'web.example')).toEqual([`${FAR.inet} ${name}`]);
  await Promise.all(told);
});

test('by IPv6, and by a link-local address on its device', async () => {
  await using server = await TestServer.open(far, FAR.inet6, good);
  expect(await askOne(asker(near, [FAR.inet6]), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
  expect(server.questions()).toEqual(['A web.example']);
  const [local] = await far.addresses.list({ device: 'eth0', scope: 'link' } as object);
  const address = `${local?.address.split('/')[0]}`;
  await using _linkLocal = await TestServer.open(far, `${address}%eth0`, good);
  expect(await askOne(asker(near, [`${address}%eth0`]), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
  expect(await askOne(asker(near, [`${address}%eth0`], { tcp: true }), 'web.example')).toEqual([
    'NOERROR',
    '10.0.0.1',
  ]);
  expect(await askOne(asker(near, [`${address}%eth7`]), 'web.example')).toEqual([`${address}%eth7 ENODEV`]);
});

describe('the next nameserver is asked', () => {
  test.each([
    ['SERVFAIL', RCODE.SERVFAIL],
    ['REFUSED', RCODE.REFUSED],
    ['NOTIMP', RCODE.NOTIMP],
    ['FORMERR', RCODE.FORMERR],
  ])('after %s', async (code, rcode) => {
    first.respond = (asked) => answer(asked, [], { rcode });
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
    expect(second.questions()).toEqual(['A web.example']);
    second.respond = first.respond;
    expect(await askOne(asker(near, both), 'web.example')).toEqual([
      `${FAR.inet} ${code}`,
      `${SECOND} ${code}`,
    ]);
  });

  test('after silence', async () => {
    first.respond = () => undefined;
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
    expect(await askOne(asker(near, [FAR.inet]), 'web.example')).toEqual([`${FAR.inet} ETIMEOUT`]);
  });

  test('at once where nobody listens, or no route leads', async () => {
    const settings = { timeout: 30_000 };
    const closed = `${FAR.inet}:5353`;
    expect(await askOne(asker(near, [closed, '203.0.113.1', SECOND], settings), 'web.example')).toEqual([
      'NOERROR',
      '10.0.0.1',
    ]);
    expect(await askOne(asker(near, [closed, '203.0.113.1'], settings), 'web.example')).toEqual([
      `${closed} ECONNREFUSED`,
      '203.0.113.1 ENETUNREACH',
    ]);
  });

  test('once for all questions', async () => {
    const by = asker(near, [`${FAR.inet}:5353`], { timeout: 30_000 });
    const { failures } = await findAddresses(by, 'web.example', 'web.example', [4, 6]);
    expect(failures).toEqual([{ nameserver: `${FAR.inet}:5353`, code: 'ECONNREFUSED' }]);
  });

  test('for what is missing alone', async () => {
    first.respond = (asked) => (asked.type === 'A' ? good(asked) : undefined);
    const { addresses } = await findAddresses(asker(near, both), 'web.example', 'web.example', [4, 6]);
    expect(addresses).toHaveLength(2);
    expect(second.questions()).toEqual(['AAAA web.example']);
  });

  test('and all of them again, as often as `attempts` says', async () => {
    first.respond = () => undefined;
    second.respond = (asked) => answer(asked, [], { rcode: RCODE.SERVFAIL });
    expect(await askOne(asker(near, both, { attempts: 3 }), 'web.example')).toHaveLength(2);
    expect(first.questions()).toHaveLength(3);
    expect(second.questions()).toHaveLength(3);
  });

  test('but not after NXDOMAIN, nor after an empty answer', async () => {
    first.respond = (asked) => answer(asked, [], { rcode: RCODE.NXDOMAIN });
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NXDOMAIN']);
    first.respond = (asked) => answer(asked, []);
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR']);
    expect(second.questions()).toEqual([]);
  });
});

describe('what is no answer is passed over', () => {
  const right = (asked: Parameters<typeof good>[0]) => good(asked) as Uint8Array;
  const changed = (bytes: Uint8Array, change: (bytes: Uint8Array) => void) => {
    const copy = bytes.slice();
    change(copy);
    return copy;
  };
  test.each<[string, (asked: Parameters<typeof good>[0]) => Uint8Array]>([
    ['a wrong number', (asked) => answer({ ...asked, id: asked.id ^ 1 }, [a('web.example', '6.6.6.6')])],
    [
      'another question',
      (asked) =>
        answer(asked, [a('web.example', '6.6.6.6')], { questions: [{ type: 'A', name: 'other.example' }] }),
    ],
    [
      'a question of another type',
      (asked) =>
        answer(asked, [a('web.example', '6.6.6.6')], { questions: [{ type: 'MX', name: 'web.example' }] }),
    ],
    ['no question', (asked) => answer(asked, [a('web.example', '6.6.6.6')], { questions: [] })],
    [
      'two questions',
      (asked) =>
        answer(asked, [a('web.example', '6.6.6.6')], {
          questions: [...(asked.query.questions ?? []), { type: 'A', name: 'other.example' }],
        }),
    ],
    [
      'the query itself',
      (asked) => packet.encode({ type: 'query', id: asked.id, questions: asked.query.questions }),
    ],
    ['nothing', () => new Uint8Array()],
    ['a piece of a header', (asked) => right(asked).slice(0, 11)],
    ['a broken end', (asked) => right(asked).slice(0, -3)],
    [
      'a name that points at itself',
      (asked) =>
        changed(right(asked), (bytes) => {
          bytes[12] = 0xc0;
          bytes[13] = 12;
        }),
    ],
    [
      'a name that points ahead',
      (asked) =>
        changed(right(asked), (bytes) => {
          bytes[12] = 0xc0;
          bytes[13] = 0xff;
        }),
    ],
  ])('%s', async (_title, wrong) => {
    first.respond = (asked) => [wrong(asked), right(asked)];
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
    first.respond = wrong;
    expect(await askOne(asker(near, [FAR.inet]), 'web.example')).toEqual([`${FAR.inet} ETIMEOUT`]);
  });

  test('what comes from another address, or another port', async () => {
    await using elsewhere = await TestServer.open(far, FAR.inet, good, 5353);
    first.respond = (asked) => {
      const forged = answer(asked, [a('web.example', '6.6.6.6')]);
      second.send(forged, { address: NEAR.inet, port: asked.port });
      elsewhere.send(forged, { address: NEAR.inet, port: asked.port });
      setTimeout(() => first.send(right(asked), { address: NEAR.inet, port: asked.port }), 20);
      return undefined;
    };
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
  });
});

describe('much', () => {
  const texts = (count: number) => Array.from({ length: count }, (_, i) => `${i}`.padEnd(200, '.'));
  const big = (asked: Parameters<typeof good>[0], count: number, flags = 0) =>
    answer(asked, [{ name: 'web.example', type: 'TXT', data: texts(count) }], { flags });

  test('more than 512 bytes come by UDP, since this side has said that it knows EDNS', async () => {
    first.respond = (asked) => big(asked, 5);
    expect(await askOne(asker(near, both), 'web.example', 'TXT')).toMatchObject(['NOERROR', { length: 5 }]);
    expect(first.questions()).toEqual(['TXT web.example']);
  });

  test('a truncated answer is asked for again by TCP, whole or not', async () => {
    for (const cut of [0, 1, 30]) {
      first.respond = (asked) => {
        if (asked.tcp) return big(asked, 100);
        const bytes = big(asked, 2, packet.TRUNCATED_RESPONSE);
        return bytes.slice(0, bytes.length - cut);
      };
      expect(await askOne(asker(near, both), 'web.example', 'TXT')).toMatchObject([
        'NOERROR',
        { length: 100 },
      ]);
      expect(first.questions()).toEqual(['TXT web.example', 'TXT web.example by TCP']);
    }
  });

  test('where TCP brings nothing, the next nameserver is asked', async () => {
    first.respond = (asked) =>
      asked.tcp ? undefined : answer(asked, [], { flags: packet.TRUNCATED_RESPONSE });
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
    expect(await askOne(asker(near, [FAR.inet]), 'web.example')).toEqual([`${FAR.inet} ETIMEOUT`]);
  });

  test('`use-vc`: both questions by one TCP connection', async () => {
    const by = asker(near, both, { tcp: true });
    const { addresses } = await findAddresses(by, 'web.example', 'web.example', [4, 6]);
    expect(addresses).toHaveLength(2);
    expect(first.asked[0]?.port).toBe(first.asked[1]?.port);
    expect(first.questions()).toEqual(['A web.example by TCP', 'AAAA web.example by TCP']);
    expect(await askOne(asker(near, [`${FAR.inet}:5353`], { tcp: true }), 'web.example')).toEqual([
      `${FAR.inet}:5353 ECONNREFUSED`,
    ]);
  });

  test('without EDNS where the nameserver does not know it', async () => {
    first.respond = (asked) =>
      asked.edns ? answer(asked, [], { rcode: RCODE.FORMERR, questions: [] }) : good(asked);
    expect(await askOne(asker(near, both), 'web.example')).toEqual(['NOERROR', '10.0.0.1']);
    expect(first.asked.map(({ edns }) => edns)).toEqual([true, false]);
    expect(second.questions()).toEqual([]);
  });
});

describe('aliases', () => {
  const addressesOf = async (records: Parameters<typeof zone>[0]) => {
    first.respond = (asked) => answer(asked, records);
    const found = await findAddresses(asker(near, both), 'web.example', 'web.example', [4]);
    return found.addresses.map(({ address }) => address);
  };

  test('are followed within the answer, in any order and case', async () => {
    expect(
      await addressesOf([
        a('HOST.example.net', '10.0.0.1'),
        cname('Alias.Example', 'host.EXAMPLE.net'),
        cname('web.example', 'alias.example'),
        a('host.example.net', '10.0.0.2'),
        a('unasked.example', '6.6.6.6'),
      ]),
    ).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  test('in a circle, or to nowhere, they mean nothing', async () => {
    expect(
      await addressesOf([cname('web.example', 'alias.example'), cname('alias.example', 'web.example')]),
    ).toEqual([]);
    expect(await addressesOf([cname('web.example', 'alias.example'), a('other.example', '6.6.6.6')])).toEqual(
      [],
    );
  });
});

describe('the search list', () => {
  const asks = async (hostname: string, changes: Partial<ResolverSettings>) => {
    const found = await findAddresses(asker(near, both, changes), hostname, hostname.replace(/\.$/, ''), [4]);
    return [first.questions().map((question) => question.slice(2)), found.addresses.length, found.failures];
  };
  const search = ['a.example', 'b.example'];

  test('few dots: the domains first', async () => {
    expect(await asks('web', { search })).toEqual([['web.a.example', 'web.b.example', 'web'], 0, undefined]);
    expect(await asks('web', { search: ['a.example', 'example', 'b.example'] })).toEqual([
      ['web.a.example', 'web.example'],
      1,
      undefined,
    ]);
  });

  test('enough dots: the name itself first', async () => {
    expect(await asks('x.y', { search })).toEqual([['x.y', 'x.y.a.example', 'x.y.b.example'], 0, undefined]);
    expect(await asks('x.y', { search, ndots: 2 })).toEqual([
      ['x.y.a.example', 'x.y.b.example', 'x.y'],
      0,
      undefined,
    ]);
    expect(await asks('web.example', { search })).toEqual([['web.example'], 1, undefined]);
  });

  test('a dot at the end: the name alone', async () => {
    expect(await asks('web.', { search })).toEqual([['web'], 0, undefined]);
  });

  test('goes on after SERVFAIL, but not after silence', async () => {
    const fails = { nameservers: asker(near, [FAR.inet]).settings.nameservers, search };
    first.respond = (asked) => answer(asked, [], { rcode: RCODE.SERVFAIL });
    expect(await asks('web', fails)).toMatchObject([
      ['web.a.example', 'web.b.example', 'web'],
      0,
      [{ code: 'SERVFAIL' }],
    ]);
    first.respond = () => undefined;
    expect(await asks('web', fails)).toMatchObject([['web.a.example'], 0, [{ code: 'ETIMEOUT' }]]);
  });
});

test('`single-request`: one question after the other', async () => {
  let answered = 0;
  first.respond = (asked) => {
    expect(first.asked.length).toBe(answered + 1);
    setTimeout(() => {
      answered++;
      first.send(good(asked) as Uint8Array, { address: NEAR.inet, port: asked.port });
    }, 20);
    return undefined;
  };
  const by = asker(near, both, { oneByOne: true });
  const outcomes = await ask(by, [
    { name: 'web.example', type: 'A' },
    { name: 'web.example', type: 'AAAA' },
  ]);
  expect(outcomes.every(({ response }) => response)).toBe(true);
  expect(answered).toBe(2);
});

test('`trust-ad`: the flag is asked for', async () => {
  await askOne(asker(near, both, { trustAd: true }), 'web.example');
  expect(first.asked[0]?.query.flag_ad).toBe(true);
});
