// @kernels
// The connections that a namespace tracks, as conntrack(8) knows them.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type ConntrackFilter, Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { flush } from '../../lib/conntrack/flush.js';
import { internals } from '../../lib/namespaces/network.js';
import { failure } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { inside, say, sorted, steady, track, witness } from './support.js';

const scope = new Scope();
let netns: Netns;

beforeAll(async () => {
  netns = await track(await scope.use(Netns.create()));
});
afterAll(() => scope[Symbol.asyncDispose]());
afterEach(() => netns.conntrack.flush());

/** A connection under way, and its port. */
async function connected(address: string): Promise<{ port: number; from: number; end(): Promise<void> }> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  const listener = await netns.listen(server, { host: address });
  const socket = await netns.connect({ host: address, port: listener.port });
  return {
    port: listener.port,
    from: socket.localPort as number,
    async end() {
      socket.destroy();
      await listener.close();
    },
  };
}

describe('list', () => {
  test('is empty where nothing is tracked', async () => {
    const empty = await Netns.create();
    expect(await empty.conntrack.list()).toEqual([]);
    expect(await empty.conntrack.describe()).toBe('');
    expect(await empty.conntrack.delete({ protocol: 'udp' })).toBe(0);
    await empty.conntrack.flush();
    await empty.close();
  });

  test('of UDP, answered and not', async () => {
    const one = await say(netns, '127.0.0.1', 5000);
    const two = await say(netns, '::1', 5001, true);
    const entry = (source: string, from: number, to: number) => ({
      id: expect.any(Number),
      protocol: 'udp',
      mark: 0,
      use: 1,
      timeout: expect.any(Number),
      original: {
        source,
        destination: source,
        sourcePort: from,
        destinationPort: to,
        packets: 1,
        bytes: expect.any(Number),
      },
    });
    const all = await netns.conntrack.list({ protocol: 'udp' });
    expect(all).toHaveLength(2);
    expect(all).toContainEqual({
      ...entry('127.0.0.1', one, 5000),
      family: 'inet',
      status: ['confirmed'],
      reply: {
        source: '127.0.0.1',
        destination: '127.0.0.1',
        sourcePort: 5000,
        destinationPort: one,
        packets: 0,
        bytes: 0,
      },
    });
    expect(all).toContainEqual({
      ...entry('::1', two, 5001),
      family: 'inet6',
      status: ['seen-reply', 'confirmed'],
      reply: {
        source: '::1',
        destination: '::1',
        sourcePort: 5001,
        destinationPort: two,
        packets: 1,
        bytes: 49,
      },
    });
    for (const { timeout } of all) {
      expect(timeout).toBeGreaterThan(0);
      expect(timeout).toBeLessThanOrEqual(180_000);
    }
    expect(JSON.parse(JSON.stringify(all))).toEqual(all);
  });

  test('of TCP, with its state', async () => {
    const { port, from, end } = await connected('127.0.0.1');
    const [entry, ...more] = await netns.conntrack.list({ protocol: 'tcp' });
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      state: 'ESTABLISHED',
      status: ['seen-reply', 'assured', 'confirmed'],
      original: { sourcePort: from, destinationPort: port },
    });
    expect(entry?.timeout).toBeGreaterThan(400_000_000);
    await end();
  });

  test('of ICMP', async () => {
    await Promise.all([netns.ping('127.0.0.1', { count: 1 }), netns.ping('::1', { count: 1 })]);
    const echo = { original: { type: 8, code: 0 }, reply: { type: 0, code: 0 } };
    expect(await netns.conntrack.list({ protocol: 'icmp' })).toMatchObject([{ family: 'inet', ...echo }]);
    const six = { original: { type: 128, code: 0 }, reply: { type: 129, code: 0 } };
    expect(await netns.conntrack.list({ protocol: 'icmpv6' })).toMatchObject([{ family: 'inet6', ...six }]);
  });

  test('of addresses that are translated', async () => {
    const rules =
      'table ip n { chain o { type nat hook output priority -100; udp dport 5002 dnat to 127.0.0.9:6000; }; }';
    await inside(netns, 'nft', rules);
    const from = await say(netns, '127.0.0.1', 5002);
    expect(await netns.conntrack.list({ status: 'dnat' })).toMatchObject([
      {
        status: expect.arrayContaining(['confirmed', 'dnat']),
        original: { destination: '127.0.0.1', destinationPort: 5002 },
        reply: { source: '127.0.0.9', sourcePort: 6000, destinationPort: from },
      },
    ]);
    await inside(netns, 'nft', 'delete table ip n');
  });

  test('with zones, marks, and when it began', async () => {
    const rules =
      'table inet z { chain o { type filter hook output priority -300; udp dport 5003 ct zone set 7; }; chain m { type filter hook output priority 1; udp dport 5003 ct mark set 5; }; }';
    await inside(netns, 'nft', rules);
    await netns.sysctl('net.netfilter.nf_conntrack_timestamp', 1);
    await say(netns, '127.0.0.1', 5003);
    await netns.sysctl('net.netfilter.nf_conntrack_timestamp', 0);
    const [entry] = await netns.conntrack.list({ zone: 7 });
    expect(entry).toMatchObject({ zone: 7, mark: 5, start: expect.any(Number) });
    expect(Math.abs((entry?.start ?? 0) - Date.now())).toBeLessThan(3_600_000);
    expect(await netns.conntrack.list({ zone: 0, originalDestinationPort: 5003 })).toEqual([]);
    expect(await netns.conntrack.delete({ mark: 5 })).toBe(1);
    await inside(netns, 'nft', 'delete table inet z');
  });
});

test('describe() prints what conntrack(8) prints', async () => {
  const { end } = await connected('127.0.0.1');
  const six = await connected('::1');
  await say(netns, '127.0.0.1', 5000);
  await say(netns, '::1', 5000, true);
  await Promise.all([netns.ping('127.0.0.1', { count: 1 }), netns.ping('::1', { count: 1 })]);
  const lines = sorted(await netns.conntrack.describe()).map(steady);
  expect(lines).toHaveLength(6);
  expect(lines.sort()).toEqual((await witness(netns)).map(steady).sort());
  const udp = (await witness(netns, '-p', 'udp')).map(steady);
  expect(
    sorted(await netns.conntrack.describe({ protocol: 'udp' }))
      .map(steady)
      .sort(),
  ).toEqual(udp.sort());
  await end();
  await six.end();
});

describe('what is meant', () => {
  test('each condition alone, as conntrack(8) finds it', async () => {
    const ports = await Promise.all([1, 2, 3].map((i) => say(netns, `127.0.0.${i}`, 5000 + i, i === 2)));
    await say(netns, '::1', 5001);
    const { port, end } = await connected('127.0.0.4');
    const cases: [ConntrackFilter, string[]][] = [
      [{ family: 'inet6' }, ['-f', 'ipv6']],
      [{ protocol: 17 }, ['-p', 'udp']],
      [{ protocol: 'tcp' }, ['-p', 'tcp']],
      [{ originalSource: '127.0.0.1' }, ['-s', '127.0.0.1']],
      [{ originalDestination: '127.0.0.2' }, ['-d', '127.0.0.2']],
      [{ originalDestination: '127.0.0.0/30' }, ['-d', '127.0.0.0/30']],
      [{ originalDestination: '::1' }, ['-f', 'ipv6', '-d', '::1']],
      [{ replySource: '127.0.0.3' }, ['-r', '127.0.0.3']],
      [{ replyDestination: '127.0.0.1' }, ['-q', '127.0.0.1']],
      [{ protocol: 'udp', originalSourcePort: ports[0] }, ['-p', 'udp', '--sport', `${ports[0]}`]],
      [{ protocol: 'udp', originalDestinationPort: 5001 }, ['-p', 'udp', '--dport', '5001']],
      [{ protocol: 'udp', replySourcePort: 5002 }, ['-p', 'udp', '--reply-port-src', '5002']],
      [{ protocol: 'udp', replyDestinationPort: ports[2] }, ['-p', 'udp', '--reply-port-dst', `${ports[2]}`]],
      [{ protocol: 'tcp', state: 'ESTABLISHED' }, ['-p', 'tcp', '--state', 'ESTABLISHED']],
      [{ status: 'assured' }, ['-u', 'ASSURED']],
      [{ status: 'seen-reply' }, ['-u', 'SEEN_REPLY']],
      [{ mark: 0 }, ['-m', '0']],
      [{ zone: 0 }, []],
      [{}, []],
    ];
    for (const [filter, args] of cases) {
      const mine = sorted(await netns.conntrack.describe(filter))
        .map(steady)
        .sort();
      expect(mine, JSON.stringify(filter)).toEqual((await witness(netns, ...args)).map(steady).sort());
      expect(mine.length, JSON.stringify(filter)).toBeGreaterThan(0);
    }
    expect(await netns.conntrack.list({ originalDestinationPort: port, protocol: 'udp' })).toEqual([]);
    expect(await netns.conntrack.list({ mark: 1 })).toEqual([]);
    expect(await netns.conntrack.list({ zone: 1 })).toEqual([]);
    expect(await netns.conntrack.list({ status: 'dnat' })).toEqual([]);
    await end();
  });

  test.each<[unknown, string]>([
    [null, 'ERR_INVALID_ARG_TYPE'],
    ['udp', 'ERR_INVALID_ARG_TYPE'],
    [{ family: 4 }, 'ERR_INVALID_ARG_VALUE'],
    [{ protocol: 'http' }, 'ERR_INVALID_ARG_VALUE'],
    [{ protocol: 'toString' }, 'ERR_INVALID_ARG_VALUE'],
    [{ protocol: 256 }, 'ERR_OUT_OF_RANGE'],
    [{ protocol: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ originalSource: 'web' }, 'ERR_INVALID_ARG_VALUE'],
    [{ originalSource: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ originalSource: '10.0.0.0/33' }, 'ERR_INVALID_ARG_VALUE'],
    [{ family: 'inet', replySource: '::1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ originalSource: '10.0.0.1', replySource: '::1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ originalDestinationPort: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ originalDestinationPort: '53' }, 'ERR_INVALID_ARG_TYPE'],
    [{ state: 'established' }, 'ERR_INVALID_ARG_VALUE'],
    [{ status: 'hasOwnProperty' }, 'ERR_INVALID_ARG_VALUE'],
    [{ mark: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ zone: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ dport: 53 }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j is refused, and nothing is deleted', async (filter, code) => {
    await say(netns, '127.0.0.1', 5000);
    expect(await failure(netns.conntrack.delete(filter as ConntrackFilter))).toMatchObject({ code });
    expect(() => netns.conntrack.list(filter as ConntrackFilter)).toThrow(expect.objectContaining({ code }));
    expect(await netns.conntrack.list({ protocol: 'udp' })).toHaveLength(1);
  });

  test('to delete all is flush(), not to have said nothing', async () => {
    await say(netns, '127.0.0.1', 5000);
    for (const filter of [{}, { protocol: undefined }])
      expect(await failure(netns.conntrack.delete(filter))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(await netns.conntrack.list()).toHaveLength(1);
    expect(await failure(netns.conntrack.flush({ protocol: 'udp' } as object))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect(await failure(netns.conntrack.flush({ family: 'ip' } as object))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect(await netns.conntrack.list()).toHaveLength(1);
  });
});

describe('delete', () => {
  test('takes those that match, and leaves the others', async () => {
    await Promise.all([5000, 5000, 5001].map((port) => say(netns, '127.0.0.1', port)));
    await say(netns, '::1', 5000);
    expect(
      await netns.conntrack.delete({ protocol: 'udp', family: 'inet', originalDestinationPort: 5000 }),
    ).toBe(2);
    expect((await witness(netns)).map((line) => /dport=(\d+)/.exec(line)?.[1]).sort()).toEqual([
      '5000',
      '5001',
    ]);
    expect(await netns.conntrack.delete({ protocol: 'udp', originalDestinationPort: 5000 })).toBe(1);
    expect(await netns.conntrack.delete({ protocol: 'udp', originalDestinationPort: 5000 })).toBe(0);
  });

  test('inside the library: as `conntrack -D -p udp --orig-port-dst N`, and all', async () => {
    await Promise.all([5000, 5001].map((port) => say(netns, '127.0.0.1', port)));
    const inner = internals(netns);
    const filter = {
      protocol: 'udp',
      family: 'inet',
      originalDestination: '127.0.0.1',
      originalDestinationPort: 5000,
    } as const;
    expect(await flush(inner, filter)).toBe(1);
    expect(await flush(inner, {})).toBe(1);
    expect(await witness(netns)).toEqual([]);
  });

  test('a flow of UDP goes the new way at once', async () => {
    const to = (port: number) =>
      `table ip n { chain o { type nat hook output priority -100; udp dport 5002 dnat to 127.0.0.1:${port}; }; }`;
    await inside(netns, 'nft', to(6001));
    const heard: string[] = [];
    const servers = await Promise.all(
      [6001, 6002].map((port) => netns.datagram('udp4', { bind: { host: '127.0.0.1', port } })),
    );
    const client = await netns.datagram('udp4');
    for (const [i, server] of servers.entries())
      server.on('message', (bytes) => {
        heard.push(`${i} ${bytes}`);
        client.emit('heard');
      });
    const send = async (text: string) => {
      const arrived = once(client, 'heard');
      client.send(text, 5002, '127.0.0.1');
      await arrived;
    };
    await send('first');
    await inside(netns, 'nft', `delete table ip n; ${to(6002)}`);
    await send('as before');
    expect(await netns.conntrack.delete({ protocol: 'udp', originalDestinationPort: 5002 })).toBe(1);
    await send('anew');
    expect(heard).toEqual(['0 first', '0 as before', '1 anew']);
    for (const socket of [client, ...servers]) socket.close();
    await inside(netns, 'nft', 'delete table ip n');
  });

  test('of zones: each its own', async () => {
    const rules =
      'table inet z { chain o { type filter hook output priority -300; udp dport 5003 ct zone set 7; }; }';
    await inside(netns, 'nft', rules);
    await say(netns, '127.0.0.1', 5003);
    await say(netns, '127.0.0.1', 5004);
    expect(await netns.conntrack.delete({ zone: 7 })).toBe(1);
    expect(await netns.conntrack.list()).toHaveLength(1);
    await inside(netns, 'nft', 'delete table inet z');
  });

  test('by several at once, each is counted once', async () => {
    const count = scaled(200, 20);
    for (let i = 0; i < count; i++) await say(netns, '127.0.0.1', 10_000 + i);
    const deleted = await Promise.all(
      Array.from({ length: 5 }, () => netns.conntrack.delete({ protocol: 'udp', family: 'inet' })),
    );
    expect(deleted.reduce((sum, each) => sum + each, 0)).toBe(count);
    expect(await netns.conntrack.list()).toEqual([]);
  });

  test('flush: all, and all of a family', async () => {
    await Promise.all([say(netns, '127.0.0.1', 5000), say(netns, '::1', 5000)]);
    await netns.conntrack.flush({ family: 'inet6' });
    expect((await netns.conntrack.list()).map(({ family }) => family)).toEqual(['inet']);
    await netns.conntrack.flush();
    expect(await netns.conntrack.list()).toEqual([]);
  });

  test('other namespaces have their own', async () => {
    const other = await track(await Netns.create());
    await Promise.all([say(netns, '127.0.0.1', 5000), say(other, '127.0.0.1', 5000)]);
    await netns.conntrack.flush();
    expect(await other.conntrack.list()).toHaveLength(1);
    await other.close();
  });
});

describe('its end', () => {
  test('aborted', async () => {
    await say(netns, '127.0.0.1', 5000);
    const signal = AbortSignal.abort();
    for (const call of [
      netns.conntrack.list({ signal }),
      netns.conntrack.describe({ signal }),
      netns.conntrack.delete({ protocol: 'udp' }, { signal }),
      netns.conntrack.flush({ signal }),
    ])
      expect(await failure(Promise.resolve(call))).toMatchObject({ name: 'AbortError' });
    expect(await netns.conntrack.list()).toHaveLength(1);
    expect(() => netns.conntrack.list({ signal: 1 } as object)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });

  test('closed, before it was used and after', async () => {
    for (const used of [false, true]) {
      const other = await Netns.create();
      if (used) await other.conntrack.list();
      const late = other.conntrack.list();
      const closing = other.close();
      expect(await failure(Promise.resolve(late))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
      await closing;
      expect(await failure(other.conntrack.flush())).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
      expect(await failure(other.conntrack.delete({ mark: 1 }))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    }
  });

  test('a table that changes all the time is read, and emptied', async () => {
    const client = await netns.datagram('udp4');
    let over = false;
    const going = (async () => {
      for (let i = 0; !over; i++) {
        client.send('x', 20_000 + (i % 5000), '127.0.0.1');
        if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < scaled(30, 3); i++) {
      await netns.conntrack.list();
      expect(await netns.conntrack.delete({ protocol: 'udp' })).toBeGreaterThanOrEqual(0);
    }
    over = true;
    await going;
    client.close();
  });
});
