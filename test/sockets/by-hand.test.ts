// Hosts that answer twice, late, or with what is no answer.
import { type Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scale } from '../support/scale.js';
import { cable, collect, FAR, NEAR } from './cable.js';
import { Peer, quoting, replyTo, summed } from './peer.js';

const scope = new Scope();
afterAll(() => scope[Symbol.asyncDispose]());

describe('a host that answers by hand', () => {
  let near: Netns;
  let far: Netns;

  beforeAll(async () => {
    ({ near, far } = await cable(scope));
  });

  const byHand = (came: (peer: Peer, message: Uint8Array, packet: Uint8Array) => void): Promise<Peer> => {
    const opened: Promise<Peer> = Peer.open(
      far,
      ({ message, packet }) => {
        if (message[0] === 8) void opened.then((peer) => came(peer, message, packet));
      },
      true,
    );
    return opened;
  };

  test('answers twice: a duplicate, which the summary does not count', async () => {
    await using _peer = await byHand((peer, request) => {
      peer.send(replyTo(request), NEAR.inet);
      if (request[7] === 1) peer.send(replyTo(request), NEAR.inet);
    });
    const run = near.ping(FAR.inet, { count: 2, interval: 50 });
    expect(await collect(run)).toMatchObject([
      { sequence: 1, type: 'reply', from: FAR.inet },
      { sequence: 1, type: 'duplicate', from: FAR.inet, ttl: 64, bytes: 64, rtt: expect.any(Number) },
      { sequence: 2, type: 'reply' },
    ]);
    expect(await run).toMatchObject({ sent: 2, received: 2, lost: 0 });
  });

  test('answers twice by IPv6, the kernel and by hand', async () => {
    await using socket = await far.raw({ family: 'inet6', protocol: 'icmpv6' });
    const answering = (async () => {
      for await (const { bytes, from } of socket) {
        if (bytes[0] !== 128) continue;
        const reply = bytes.slice();
        reply[0] = 129;
        await socket.send(reply, from);
      }
    })();
    const run = near.ping(FAR.inet6, { count: 2, interval: 50 });
    expect(await collect(run)).toMatchObject([
      { sequence: 1, type: 'reply', from: FAR.inet6 },
      { sequence: 1, type: 'duplicate', from: FAR.inet6, ttl: 64, bytes: 64 },
      { sequence: 2, type: 'reply' },
    ]);
    expect(await run).toMatchObject({ sent: 2, received: 2, lost: 0 });
    await socket.close();
    await answering;
  });

  test('answers out of order', async () => {
    const requests: Uint8Array[] = [];
    await using _peer = await byHand((peer, request) => {
      if (requests.push(request) < 3) return;
      for (const one of requests.reverse()) peer.send(replyTo(one), NEAR.inet);
    });
    const echoes = await collect(near.ping(FAR.inet, { count: 3, interval: 10 }));
    expect(echoes.map(({ sequence }) => sequence)).toEqual([3, 2, 1]);
    expect(echoes.every(({ type }) => type === 'reply')).toBe(true);
  });

  /** An emulated processor needs more time to answer by hand. */
  const pace = scale < 1 ? 15 : 1;

  test('answers too late: lost, and no word of it later', async () => {
    await using _peer = await byHand((peer, request) => {
      setTimeout(() => peer.send(replyTo(request), NEAR.inet), request[7] === 1 ? 150 * pace : 0);
    });
    const run = near.ping(FAR.inet, { count: 4, interval: 100 * pace, timeout: 60 * pace });
    expect(await collect(run)).toMatchObject([
      { sequence: 1, type: 'lost' },
      { sequence: 2, type: 'reply' },
      { sequence: 3, type: 'reply' },
      { sequence: 4, type: 'reply' },
    ]);
    expect(await run).toMatchObject({ sent: 4, received: 3, lost: 1 });
  });

  test.each<[string, (reply: Uint8Array) => Uint8Array]>([
    ['another identifier', (reply) => summed(change(reply, 4))],
    ['another sequence number', (reply) => summed(change(reply, 6))],
    ['other data', (reply) => summed(change(reply, 8))],
    ['data cut short', (reply) => summed(reply.slice(0, 12))],
    ['a wrong checksum', (reply) => change(reply, 3)],
    ['half a header', (reply) => reply.slice(0, 4)],
    ['another type', (reply) => summed(change(reply, 0))],
  ])('answers with %s: that is no answer', async (_, spoil) => {
    await using _peer = await byHand((peer, request) => peer.send(spoil(replyTo(request)), NEAR.inet));
    expect(await collect(near.ping(FAR.inet, { count: 1, timeout: 80 }))).toEqual([
      { sequence: 1, type: 'lost' },
    ]);
  });

  test('answers cut short behind the random bytes, and padded', async () => {
    const lengths = [17, 100];
    await using _peer = await byHand((peer, request) => {
      const reply = new Uint8Array(lengths[(request[7] ?? 0) - 1] ?? 0);
      reply.set(request.subarray(0, reply.length));
      peer.send(replyTo(reply), NEAR.inet);
    });
    const echoes = await collect(near.ping(FAR.inet, { count: 2, interval: 10 }));
    expect(echoes).toMatchObject(lengths.map((bytes) => ({ type: 'reply', bytes })));
  });

  test('says unreachable, expired; then, too late, answers', async () => {
    await using _peer = await byHand((peer, request, packet) => {
      peer.send(quoting(request[7] === 1 ? 3 : 11, packet), NEAR.inet);
      peer.send(replyTo(request), NEAR.inet);
    });
    const run = near.ping(FAR.inet, { count: 2, interval: 20 });
    expect(await collect(run)).toEqual([
      { sequence: 1, type: 'unreachable', from: FAR.inet, reason: 'net' },
      { sequence: 2, type: 'expired', from: FAR.inet },
    ]);
    expect(await run).toEqual({ sent: 2, received: 0, lost: 2 });
  });

  test('quotes only the header of the echo, as RFC 792 asks', async () => {
    await using _peer = await byHand((peer, _request, packet) =>
      peer.send(quoting(3, packet.slice(0, 28)), NEAR.inet),
    );
    const [echo] = await collect(near.ping(FAR.inet, { count: 1 }));
    expect(echo).toEqual({ sequence: 1, type: 'unreachable', from: FAR.inet, reason: 'net' });
  });

  test.each<[string, (packet: Uint8Array) => Uint8Array]>([
    ['an echo to another address', (packet) => change(packet, 19)],
    ['other data', (packet) => change(packet, 30)],
    ['another protocol', (packet) => change(packet, 9)],
    ['a later fragment', (packet) => change(packet, 7)],
    ['another identifier', (packet) => change(packet, 24)],
    ['less than the header of the echo', (packet) => packet.slice(0, 27)],
    ['an impossible header', (packet) => change(packet, 0)],
    ['nothing', () => new Uint8Array()],
  ])('says unreachable and quotes %s: that is no word of ours', async (_, spoil) => {
    await using _peer = await byHand((peer, _request, packet) =>
      peer.send(quoting(3, spoil(packet)), NEAR.inet),
    );
    expect(await collect(near.ping(FAR.inet, { count: 1, timeout: 80 }))).toEqual([
      { sequence: 1, type: 'lost' },
    ]);
  });

  test('throws garbage', async () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed;
    };
    await using _peer = await byHand((peer, request) => {
      for (let i = 0; i < 200; i++) {
        const garbage = Uint8Array.from({ length: 4 + (random() % 120) }, () => random() & 0xff);
        if (i % 2) garbage[0] = [0, 3, 11][i % 3] as number;
        peer.send(i % 4 ? summed(garbage) : garbage, NEAR.inet);
      }
      peer.send(replyTo(request), NEAR.inet);
    });
    const run = near.ping(FAR.inet, { count: 3, interval: 20 });
    expect((await collect(run)).map(({ type }) => type)).toEqual(['reply', 'reply', 'reply']);
  });
});

function change(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 0x15;
  return changed;
}
