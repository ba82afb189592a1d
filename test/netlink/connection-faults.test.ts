// What can go wrong between a program and the kernel: answers lost, cut short, garbled, or sent by somebody else.
import { Bridge, Netns, NsnetError } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { internals } from '../../lib/namespaces/network.js';
import type { Fd } from '../../lib/syscalls/fd.js';
import { type Native, native } from '../../lib/syscalls/native.js';
import { replacing, requestsOf } from '../netns/support/traffic.js';

let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create();
});
// Where something never settles this never ends, either.
afterEach(() => netns.close(), 5000);

const route = (i: number) => ({ destination: `10.${i >> 8}.${i & 255}.0/24`, device: 1 });
const codes = async (work: Promise<unknown>[]) =>
  (await Promise.allSettled(work)).map((result) =>
    result.status === 'fulfilled' ? 'done' : result.reason.code,
  );
const [ENOBUFS, EMSGSIZE, ETIMEDOUT] = [-105, -90, -110];
type Transact = Native['transact'];

/** The first so many requests of a batch get there, and then the transport fails. */
const failingAfter =
  (count: number, errno: number) =>
  (transact: Transact): Transact => {
    let failed = false;
    return async (fd, requests, resume) => {
      if (failed) return transact(fd, requests, resume);
      failed = true;
      const all = requestsOf(requests);
      const carried = all.slice(0, count).reduce((bytes, each) => bytes + ((each.bytes.length + 3) & ~3), 0);
      if (carried === 0) return [errno, 0, new Uint8Array()];
      const part = requests.slice(0, carried);
      const last = part.length - ((all[count - 1]?.bytes.length ?? 0) + 3) + 3;
      // The last of a send asks for its ack.
      new DataView(part.buffer).setUint16(
        last + 6,
        new DataView(part.buffer).getUint16(last + 6, true) | 4,
        true,
      );
      const [, , answers] = await transact(fd, part, resume);
      return [errno, carried, answers];
    };
  };

describe('when the transport fails', () => {
  test.each([
    ['ENOBUFS', ENOBUFS],
    ['EMSGSIZE', EMSGSIZE],
    ['ETIMEDOUT', ETIMEDOUT],
  ])('%s: those that may have been carried out are told so, the others go again', async (code, errno) => {
    const results = await replacing('transact', failingAfter(64, errno), () =>
      codes(Array.from({ length: 300 }, (_, i) => netns.routes.add(route(i)))),
    );
    // A send is 64 requests: the first was answered, the second was lost, the rest had not been sent.
    expect(results).toEqual([...Array(64).fill('done'), ...Array(64).fill(code), ...Array(172).fill('done')]);
    expect((await netns.routes.list()).length).toBe(64 + 172);
  });

  test('the very first, and the only one', async () => {
    expect(
      await replacing('transact', failingAfter(0, ENOBUFS), () => codes([netns.routes.add(route(1))])),
    ).toEqual(['ENOBUFS']);
    expect(await codes([netns.routes.add(route(1))])).toEqual(['done']);
  });

  test('the error says what to do', async () => {
    const error = await replacing('transact', failingAfter(0, ENOBUFS), () =>
      netns.routes.add(route(1)).catch((reason) => reason),
    );
    expect(error).toBeInstanceOf(NsnetError);
    expect(error).toMatchObject({
      syscall: 'RTM_NEWROUTE',
      subject: expect.stringContaining('10.0.1.0/24'),
      hint: expect.stringContaining('lost'),
    });
  });

  test('what was not sent goes again, once', async () => {
    const sent: string[] = [];
    await replacing(
      'transact',
      (transact) =>
        failingAfter(
          64,
          ENOBUFS,
        )((fd, requests, resume) => {
          sent.push(...requestsOf(requests).map(({ bytes }) => Buffer.from(bytes.slice(28)).toString('hex')));
          return transact(fd, requests, resume);
        }),
      () => codes(Array.from({ length: 1000 }, (_, i) => netns.routes.add(route(i)))),
    );
    expect(sent.length).toBe(1000 - 64);
    expect(new Set(sent).size).toBe(1000 - 64);
    expect((await netns.routes.list()).length).toBe(1000 - 64);
  });

  test('while a name is being asked for that is not there: nobody waits for ever', async () => {
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('still waiting'), 3000));
    const work = () => [
      ...Array.from({ length: 300 }, (_, i) => netns.routes.add(route(i))),
      netns.addresses.add({ device: 'nothing', address: '10.0.0.1/32' }),
      netns.addresses.add({ device: 'lo', address: '10.0.0.1/32' }),
    ];
    const results = await replacing('transact', failingAfter(64, ENOBUFS), () =>
      Promise.all(work().map((each) => Promise.race([codes([each]).then(([code]) => code), late]))),
    );
    expect(results).toEqual([
      ...Array(64).fill('done'),
      ...Array(64).fill('ENOBUFS'),
      ...Array(172).fill('done'),
      'ENODEV',
      'done',
    ]);
  });
});

test('when the kernel’s answers do not fit, nothing that was handed over behind them goes first', async () => {
  const socket = internals(netns).route.socket as Fd;
  const SOL_SOCKET = 1;
  const SO_RCVBUF = 8;
  native().setsockopt(socket.native, SOL_SOCKET, SO_RCVBUF, new Uint8Array(4));
  const work: Promise<unknown>[] = [];
  for (let i = 0; i < 3000; i++) {
    if (i % 500 === 0) work.push(...Array.from({ length: 100 }, () => netns.links.get('lo')));
    work.push(netns.routes.add(route(i % 250)), netns.routes.delete(route(i % 250)));
  }
  const seen = new Map<string, number>();
  for (const code of await codes(work)) seen.set(code, (seen.get(code) ?? 0) + 1);
  // Were one to go before those in front of it, there would be EEXIST or ESRCH.
  expect([...seen.keys()].sort()).toEqual(['ENOBUFS', 'done']);
  expect(seen.get('done')).toBeGreaterThan(3000);
});

test('what only reads is asked again, alone, when the answers of a send do not fit', async () => {
  await using bridge = await Bridge.create({
    netns,
    name: 'br0',
    altNames: Array.from({ length: 30 }, (_, i) => `${'x'.repeat(97)}${i}`),
  });
  const seen = await codes(Array.from({ length: 1000 }, () => netns.links.get(bridge.index)));
  expect(new Set(seen)).toEqual(new Set(['done']));
});

test('a listing keeps its place behind such a failure', async () => {
  await using bridge = await Bridge.create({
    netns,
    name: 'br0',
    addresses: ['10.0.0.1/8'],
    up: true,
    altNames: Array.from({ length: 30 }, (_, i) => `${'x'.repeat(97)}${i}`),
  });
  for (let round = 0; round < 20; round++) {
    const destination = `11.0.${round}.0/24`;
    const looks = Array.from({ length: 64 }, () => bridge.refresh());
    const added = netns.routes.add({ destination, device: 'br0' });
    const listed = netns.routes.list({ destination }).then((routes) => routes.length);
    const deleted = netns.routes.delete({ destination });
    await Promise.all([...looks, added, deleted]);
    expect(await listed).toBe(1);
  }
});

describe('answers that cannot be', () => {
  const garbage: [string, (answers: Uint8Array) => Uint8Array][] = [
    ['empty', () => new Uint8Array()],
    ['cut in the middle', (answers) => answers.slice(0, answers.length >> 1)],
    ['cut in the header', (answers) => answers.slice(0, 7)],
    ['zeros', (answers) => new Uint8Array(answers.length)],
    ['of length 0', (answers) => Uint8Array.from(answers, (byte, i) => (i < 4 ? 0 : byte))],
    ['longer than they are', (answers) => Uint8Array.from(answers, (byte, i) => (i < 4 ? 0xff : byte))],
    ['of another sequence', (answers) => Uint8Array.from(answers, (byte, i) => (i === 9 ? 0x7f : byte))],
    ['noise', (answers) => Uint8Array.from(answers, () => Math.floor(Math.random() * 256))],
  ];
  test.each(garbage)('%s: settled all the same, with a typed error if any', async (_title, spoil) => {
    const error = await replacing(
      'transact',
      (transact) => async (fd, requests, resume) => {
        const [errno, carried, answers] = await transact(fd, requests, resume);
        return [errno, carried, spoil(answers)];
      },
      () =>
        netns.links.get('lo').then(
          () => undefined,
          (reason) => reason,
        ),
    );
    if (error !== undefined) {
      expect(error).toBeInstanceOf(NsnetError);
      expect(error.code).toMatch(/^E[A-Z]+$/);
    }
    expect((await netns.links.get('lo')).index).toBe(1);
  });
});

describe('a dump', () => {
  const dumps = (answer: (count: number) => [errno: number, interrupted: boolean] | undefined) => {
    let count = 0;
    const make = (dump: Native['dump']): Native['dump'] => {
      return (fd, request, resume) => {
        const next = dump(fd, request, resume);
        const end = answer(++count);
        return async () => {
          const chunk = await next();
          return chunk instanceof Uint8Array || !end ? chunk : end;
        };
      };
    };
    return { make, count: () => count };
  };

  test('that was interrupted is read again', async () => {
    const { make, count } = dumps((n) => (n <= 5 ? [0, true] : undefined));
    const links = await replacing('dump', make, async () => netns.links.list());
    expect(links.map(({ name }) => name)).toEqual(['lo']);
    expect(count()).toBe(6);
  });

  test('that is interrupted again and again is given up, with a word', async () => {
    const { make, count } = dumps(() => [0, true]);
    const start = performance.now();
    const error = await replacing('dump', make, async () =>
      netns.links.list().then(
        () => undefined,
        (reason) => reason,
      ),
    );
    expect(error).toBeInstanceOf(NsnetError);
    expect(error).toMatchObject({ code: 'EINTR', message: expect.stringContaining('changed each of') });
    expect(count()).toBeGreaterThanOrEqual(8);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('whose answer was lost is read again', async () => {
    const { make, count } = dumps((n) => (n === 1 ? [ENOBUFS, false] : undefined));
    expect((await replacing('dump', make, async () => netns.links.list())).length).toBe(1);
    expect(count()).toBe(2);
  });

  test('that fails says how', async () => {
    const { make } = dumps(() => [EMSGSIZE, false]);
    await expect(replacing('dump', make, async () => netns.links.list())).rejects.toMatchObject({
      code: 'EMSGSIZE',
      syscall: 'RTM_GETLINK',
    });
    expect((await netns.links.list()).length).toBe(1);
  });

  test('that is aborted between two readings', async () => {
    const controller = new AbortController();
    const { make } = dumps((n) => {
      if (n === 3) controller.abort();
      return [0, true];
    });
    await expect(
      replacing('dump', make, async () => netns.links.list({ signal: controller.signal })),
    ).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('somebody else', () => {
  const NETLINK_ROUTE = [16, 3, 0] as const;
  /** struct sockaddr_nl. */
  const port = (number: number) => {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setUint16(0, 16, true);
    new DataView(bytes.buffer).setUint32(4, number, true);
    return bytes;
  };
  /** An error, or an end of a dump, for that sequence number. */
  const forged = (type: number, sequence: number) => {
    const bytes = new Uint8Array(36);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 36, true);
    view.setUint16(4, type, true);
    view.setUint32(8, sequence, true);
    view.setInt32(16, -1, true);
    return bytes;
  };

  test('who sends to our socket is not listened to', async () => {
    const made = await internals(netns).socket(...NETLINK_ROUTE);
    try {
      // The first netlink socket of a process in a namespace has the process's number as its port.
      let delivered = 0;
      for (let sequence = 0; sequence < 100; sequence++) {
        for (const type of [2, 3]) {
          if (native().send(made.native, forged(type, sequence), port(process.pid)) > 0) delivered++;
        }
      }
      expect(delivered).toBe(200);
      expect(
        await codes([netns.routes.add(route(1)), netns.links.get('lo'), netns.routes.list().then()]),
      ).toEqual(['done', 'done', 'done']);
      expect((await netns.routes.list()).length).toBe(1);
    } finally {
      await made.close();
    }
  });
});
