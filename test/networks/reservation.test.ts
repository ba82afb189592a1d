// @kernels
// Ports of a namespace that are held by a socket.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { internals } from '../../lib/namespaces/network.js';
import { reserve } from '../../lib/networks/reservation.js';
import { cable, FAR, sockets } from '../sockets/cable.js';
import { failure, heard, nothingLeft, saying } from '../sockets/streams.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node } from '../support/witness.js';
import { relayTo, reserveIn } from './support.js';

const scope = new Scope();
let near: Netns;
let host: Netns;
let before: number;

beforeAll(async () => {
  ({ near, far: host } = await cable(scope));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  before = sockets();
});
afterEach(() => nothingLeft(before));

const taken = { code: 'EADDRINUSE', errno: -98, syscall: 'bind' };

/** What other programs get that want a TCP port of a namespace: without an option, with SO_REUSEADDR, SO_REUSEPORT, or both. */
async function others(
  netns: Netns,
  type: 'stream' | 'dgram',
  address: string,
  port: number,
): Promise<string[]> {
  const program = `
import errno, socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
for options in [], [socket.SO_REUSEADDR], [socket.SO_REUSEPORT], [socket.SO_REUSEADDR, socket.SO_REUSEPORT]:
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, getattr(socket, 'SOCK_' + kind.upper()))
    for option in options: s.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        s.bind((address, port))
        if kind == 'stream': s.listen()
        print('taken')
    except OSError as error: print(errno.errorcode[error.errno])
    s.close()
`;
  const { stdout } = await netns.run('python3', ['-c', program, type, address, String(port)]);
  return stdout.trim().split('\n');
}

describe('a port that is reserved', () => {
  test.each([
    ['tcp', '127.0.0.1'],
    ['tcp', '0.0.0.0'],
    ['tcp', '::1'],
    ['tcp', '::'],
    ['tcp', FAR.inet],
    ['udp', '127.0.0.1'],
    ['udp', '0.0.0.0'],
    ['udp', '::'],
  ] as const)('%s at %s: nobody else gets it', async (protocol, address) => {
    const reservation = await reserveIn(host, { protocol, address, port: 8080 });
    expect(reservation).toMatchObject({ protocol, address, port: 8080, owned: true });
    const type = protocol === 'tcp' ? 'stream' : 'dgram';
    expect(await others(host, type, address, 8080)).toEqual(Array(4).fill('EADDRINUSE'));
    const error = await failure(reserveIn(host, { protocol, address, port: 8080 }));
    const shown = address.includes(':') ? `[${address}]` : address;
    expect(error).toMatchObject({
      ...taken,
      address,
      port: 8080,
      subject: `${shown}:8080/${protocol} in an unnamed netns`,
      hint: expect.stringMatching(
        new RegExp(`^Port 8080/${protocol} is taken in an unnamed netns: .*'ss -[tu]lnp'`),
      ),
    });
    await reservation.close();
    expect((await others(host, type, address, 8080))[1]).toBe('taken');
    await (await reserveIn(host, { protocol, address, port: 8080 })).close();
  });

  test('all addresses are each of them, and the families are apart', async () => {
    const all = await reserveIn(host, { address: '0.0.0.0', port: 8080 });
    expect(await failure(reserveIn(host, { address: FAR.inet, port: 8080 }))).toMatchObject(taken);
    const udp = await reserveIn(host, { protocol: 'udp', address: '0.0.0.0', port: 8080 });
    const six = await reserveIn(host, { address: '::', port: 8080 });
    const elsewhere = await reserveIn(near, { address: '0.0.0.0', port: 8080 });
    await Promise.all([all, udp, six, elsewhere].map((one) => one.close()));
    // Two addresses of one family are two.
    const two = await Promise.all(
      [FAR.inet, '127.0.0.1'].map((address) => reserveIn(host, { address, port: 8080 })),
    );
    await Promise.all(two.map((one) => one.close()));
  });

  test("the library's own servers find it taken, and the other way round", async () => {
    const reservation = await reserveIn(host, { port: 8080 });
    expect(await failure(host.listen(saying(''), { host: '127.0.0.1', port: 8080 }))).toMatchObject({
      code: 'EADDRINUSE',
    });
    await reservation.close();
    const listener = await host.listen(saying(''), { port: 8080 });
    expect(await failure(reserveIn(host, { port: 8080 }))).toMatchObject(taken);
    await listener.close();
  });

  test('0 is one that the kernel chooses', async () => {
    const all = await Promise.all(
      Array.from({ length: scaled(100, 10) }, (_, i) => reserveIn(host, { protocol: i % 2 ? 'udp' : 'tcp' })),
    );
    const ports = all.map(({ protocol, port }) => `${port}/${protocol}`);
    expect(new Set(ports).size).toBe(ports.length);
    expect(all.every(({ port }) => port > 0)).toBe(true);
    await Promise.all(all.map((one) => one.close()));
  });

  test('of a range the first that is free, and the last; then none', async () => {
    const range = { port: 9000, lastPort: 9002 };
    const others = await reserveIn(host, { port: 9001 });
    const first = await reserveIn(host, range);
    const last = await reserveIn(host, range);
    expect([first.port, last.port]).toEqual([9000, 9002]);
    expect(await failure(reserveIn(host, range))).toMatchObject({
      ...taken,
      subject: '127.0.0.1:9000-9002/tcp in an unnamed netns',
      hint: expect.stringContaining('No port from 9000 to 9002 is free in an unnamed netns'),
    });
    await Promise.all([others, first, last].map((one) => one.close()));
  });

  test('asked for by many at once, it is had by one', async () => {
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => reserveIn(host, { port: 8080 })));
    const got = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(got).toHaveLength(1);
    for (const one of all) if (one.status === 'rejected') expect(one.reason).toMatchObject(taken);
    await got[0]?.close();
    const range = { port: 9000, lastPort: 9019 };
    const each = await Promise.all(Array.from({ length: 20 }, () => reserveIn(host, range)));
    expect(new Set(each.map(({ port }) => port)).size).toBe(20);
    await Promise.all(each.map((one) => one.close()));
  });

  test('it is had again at once, although connections through it have just ended', async () => {
    const server = await near.listen(saying('word'), { port: 80 });
    for (let i = 0; i < 3; i++) {
      const reservation = await reserveIn(host, { port: 8080 });
      await relayTo(reservation, near, { address: '127.0.0.1', port: 80 });
      expect(await heard(await host.connect({ host: '127.0.0.1', port: 8080 }))).toBe('word');
      await reservation.close();
    }
    await server.close();
  });

  test('it is shown', async () => {
    const reservation = await reserveIn(host, { address: '::1', port: 8080 });
    expect(`${reservation}`).toBe('Reservation { [::1]:8080/tcp in an unnamed netns }');
    expect(JSON.parse(JSON.stringify(reservation))).toEqual({ protocol: 'tcp', address: '::1', port: 8080 });
    await reservation.close();
    await reservation.close();
  });
});

describe('its end', () => {
  test('that of the namespace object', async () => {
    const netns = await Netns.create();
    const reservation = await reserveIn(netns);
    await netns.close();
    expect(reservation.closed).toBe(true);
    expect(reservation.fd.closed).toBe(true);
    expect(await failure(reserveIn(netns))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  // Rootless another process's namespaces are not to be entered.
  test.runIf(privileged)('kill -9', async () => {
    const [file, ...args] = node as [string, ...string[]];
    const program = fileURLToPath(new URL('programs/holding.mjs', import.meta.url));
    const child = spawn(file, [...args, program, `/proc/${process.pid}/fd/${host.fd}`]);
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).toBe('8080 8080\n');
    for (const protocol of ['tcp', 'udp'] as const)
      expect(await failure(reserveIn(host, { protocol, port: 8080 }))).toMatchObject(taken);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    const again = await Promise.all(
      (['tcp', 'udp'] as const).map((protocol) => reserveIn(host, { protocol, port: 8080 })),
    );
    await Promise.all(again.map((one) => one.close()));
  });
});

describe('what is refused', () => {
  test('addresses that are not there', async () => {
    expect(await failure(reserveIn(host, { address: '192.0.2.77' }))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      address: '192.0.2.77',
      hint: expect.stringContaining('no such address'),
    });
  });

  test('SCTP, where the kernel has none; else it is a port like others', async () => {
    const made = await reserveIn(host, { protocol: 'sctp', port: 8080 }).catch((error) => error);
    if (made instanceof Error) {
      expect(made).toMatchObject({
        code: 'ERR_NSNET_UNSUPPORTED',
        subject: '127.0.0.1:8080/sctp in an unnamed netns',
        hint: expect.stringContaining('modprobe sctp'),
      });
      return;
    }
    expect(await failure(reserveIn(host, { protocol: 'sctp', port: 8080 }))).toMatchObject({
      code: 'EADDRINUSE',
    });
    expect(await failure(relayTo(made, near, { address: '127.0.0.1', port: 1 }))).toMatchObject({
      code: 'ERR_NSNET_UNSUPPORTED',
    });
    await made.close();
  });

  test.each<[object, string]>([
    [{ protocol: 'icmp' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: 'localhost' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ address: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ port: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ port: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ port: '80' }, 'ERR_INVALID_ARG_TYPE'],
    [{ port: 80, lastPort: 79 }, 'ERR_OUT_OF_RANGE'],
    [{ port: 0, lastPort: 79 }, 'ERR_OUT_OF_RANGE'],
    [{ port: 80, lastPort: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ signal: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('%j', async (options, code) => {
    expect(await failure(reserveIn(host, options))).toMatchObject({ code });
  });

  test('who aborts', async () => {
    expect(await failure(reserveIn(host, { signal: AbortSignal.abort('enough') }))).toMatchObject({
      name: 'AbortError',
      cause: 'enough',
    });
    const stop = new AbortController();
    const asked = reserve(internals(host), {
      protocol: 'tcp',
      address: '127.0.0.1',
      port: 8080,
      signal: stop.signal,
    });
    stop.abort();
    expect(await failure(asked)).toMatchObject({ name: 'AbortError' });
    await (await reserveIn(host, { port: 8080 })).close();
  });
});
