// Many at once, without a pause, read slowly, or with an event loop that has other things to do.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Echo, type Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scale, scaled } from '../support/scale.js';
import { cable, collect, FAR, NEAR, sockets } from './cable.js';
import { Peer, replyTo } from './peer.js';

const scope = new Scope();
let near: Netns;
let far: Netns;

beforeAll(async () => {
  ({ near, far } = await cable(scope));
});

afterAll(() => scope[Symbol.asyncDispose]());

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test('a hundred runs at once in one namespace', async () => {
  const before = sockets();
  const runs = Array.from({ length: 100 }, (_, i) =>
    near.ping(i % 2 ? FAR.inet : FAR.inet6, { count: 3, interval: 20, timeout: 20_000 }),
  );
  for (const summary of await Promise.all(runs))
    expect(summary).toMatchObject({ sent: 3, received: 3, lost: 0 });
  expect(sockets()).toBe(before);
});

test('a busy event loop does not show in the round-trip times', async () => {
  // Whoever is first to ask for time stamps gets them a moment later: this one asks in good time.
  const early = near.ping(FAR.inet, { count: Number.POSITIVE_INFINITY, interval: 1000 });
  const asking = early[Symbol.asyncIterator]();
  await asking.next();
  await sleep(100);
  const busy = setInterval(() => block(50), 1);
  const summary = await near.ping(FAR.inet, { count: 6, interval: 10 });
  clearInterval(busy);
  await asking.return?.();
  expect(summary).toMatchObject({ sent: 6, received: 6 });
  if (scale >= 1) expect(summary.rtt?.max).toBeLessThan(25);
});

test('what has arrived while the event loop was busy is not lost', async () => {
  const run = near.ping(FAR.inet, { count: 1, timeout: 100 });
  const iterator = run[Symbol.asyncIterator]();
  const next = iterator.next();
  // Sent from a timer: the one before the block that comes next.
  const blocking = setInterval(() => block(300), 1);
  const { value } = await next;
  clearInterval(blocking);
  expect(value).toMatchObject({ type: 'reply' });
  await iterator.return?.();
});

test('what arrived too late is lost, although both were seen at once', async () => {
  const peer: Promise<Peer> = Peer.open(
    far,
    ({ message }) => {
      if (message[0] !== 8) return;
      void peer.then((one) => {
        block(150);
        one.send(replyTo(message), NEAR.inet);
      });
    },
    true,
  );
  await using _peer = await peer;
  try {
    expect(await collect(near.ping(FAR.inet, { count: 1, timeout: 100 }))).toEqual([
      { sequence: 1, type: 'lost' },
    ]);
  } finally {
    await far.sysctl('net.ipv4.icmp_echo_ignore_all', false);
  }
});

test('without a pause, beyond the 65,536 numbers there are on the wire', async () => {
  const count = scaled(70_000, 500);
  let next = 1;
  for await (const echo of near.ping(FAR.inet, { count, interval: 0, size: 8, timeout: 20_000 })) {
    if (echo.type !== 'reply' || echo.sequence !== next++) throw new Error(JSON.stringify(echo));
  }
  expect(next).toBe(count + 1);
});

test('a loop that is slow slows the sending down, and misses nothing', async () => {
  const count = scaled(5000, 2500);
  const run = near.ping(FAR.inet, { count, interval: 0, timeout: 20_000 });
  const iterator = run[Symbol.asyncIterator]();
  const echoes: Echo[] = [];
  for (let { done, value } = await iterator.next(); !done; { done, value } = await iterator.next()) {
    echoes.push(value);
    if (echoes.length === 1 || echoes.length === 2000) await sleep(200);
  }
  expect(echoes.map(({ sequence }) => sequence)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  expect(await run).toMatchObject({ sent: count, received: count, lost: 0 });
});

test('without a loop, of many echoes the last are kept', async () => {
  const run = near.ping(FAR.inet, { count: 2000, interval: 0, timeout: 20_000 });
  expect(await run).toMatchObject({ received: 2000 });
  const echoes = await collect(run);
  expect(echoes).toHaveLength(1024);
  expect(echoes.at(-1)).toMatchObject({ sequence: 2000 });
});

test('duplicates without end do not pile up before a loop that stands still', async () => {
  const peer: Promise<Peer> = Peer.open(
    far,
    ({ message }) => {
      if (message[0] !== 8) return;
      void peer.then((one) => {
        for (let i = 0; i < 3000; i++) one.send(replyTo(message), NEAR.inet);
      });
    },
    true,
  );
  await using _peer = await peer;
  try {
    const run = near.ping(FAR.inet, { count: 2, interval: 500, timeout: 20_000 });
    const iterator = run[Symbol.asyncIterator]();
    await iterator.next();
    await sleep(700);
    const rest = await collect({ [Symbol.asyncIterator]: () => iterator });
    expect(rest.length).toBeGreaterThan(100);
    expect(rest.length).toBeLessThan(2 * 1024 + 2);
    expect(rest.filter(({ type }) => type === 'reply')).toHaveLength(1);
  } finally {
    await far.sysctl('net.ipv4.icmp_echo_ignore_all', false);
  }
});
