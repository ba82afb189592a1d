import { describe, expect, test } from 'vitest';
import { Echoes, type Sent } from '../../lib/sockets/echoes.js';
import { Mailbox } from '../../lib/sockets/mailbox.js';
import { PingStatistics } from '../../lib/sockets/ping-statistics.js';

describe('the requests under way', () => {
  const sent = (sequence: number): Sent => ({ sequence, at: 0n, deadline: sequence });

  test('are known by their number modulo 65,536', () => {
    const echoes = new Echoes();
    echoes.add(sent(65_537));
    expect(echoes.take(1)).toEqual(sent(65_537));
    expect(echoes.take(1)).toBeUndefined();
    echoes.add(sent(65_538));
    expect(echoes.take(65_538)).toEqual(sent(65_538));
    expect(echoes.size).toBe(0);
  });

  test('one whose number is needed again is given up', () => {
    const echoes = new Echoes();
    echoes.add(sent(1));
    echoes.add(sent(2));
    expect(echoes.add(sent(65_537))).toEqual(sent(1));
    expect(echoes.oldest).toEqual(sent(2));
    expect(echoes.size).toBe(2);
  });

  test('the last 1,024 answered ones are remembered, until their number is needed again', () => {
    const echoes = new Echoes();
    for (let sequence = 1; sequence <= 1030; sequence++) echoes.remember(sent(sequence));
    expect(echoes.answered(6)).toBeUndefined();
    expect(echoes.answered(7)).toEqual(sent(7));
    echoes.add(sent(65_536 + 7));
    expect(echoes.answered(7)).toBeUndefined();
  });
});

describe('a mailbox', () => {
  const end = { done: true, value: undefined };

  test('what was put in comes out, then the end', async () => {
    const box = new Mailbox<number>();
    box.put(1);
    box.put(2);
    box.end();
    box.put(3);
    expect(await box.next()).toEqual({ done: false, value: 1 });
    expect(await box.next()).toEqual({ done: false, value: 2 });
    expect(await box.next()).toEqual(end);
    expect(await box.next()).toEqual(end);
  });

  test('an error comes once, behind what was put in', async () => {
    const box = new Mailbox<number>();
    box.put(1);
    box.end(new Error('the reason'));
    expect(await box.next()).toEqual({ done: false, value: 1 });
    await expect(box.next()).rejects.toThrow('the reason');
    expect(await box.next()).toEqual(end);
  });

  test('of many who wait the first gets the error', async () => {
    const box = new Mailbox<number>();
    const waiting = [box.next(), box.next(), box.next()];
    box.put(1);
    box.end(new Error('the reason'));
    expect(await Promise.allSettled(waiting)).toMatchObject([
      { value: { value: 1 } },
      { status: 'rejected' },
      { value: end },
    ]);
  });

  test('closed, it is empty and has no error', async () => {
    const box = new Mailbox<number>();
    box.put(1);
    box.end(new Error('the reason'));
    box.close();
    expect(box.closed).toBe(true);
    expect(await box.next()).toEqual(end);
  });
});

test('mdev as iputils computes it: the root of the mean square less the squared mean', () => {
  const times = [0.055, 0.056, 0.041, 12.5, 0.049, 3.75];
  const statistics = new PingStatistics();
  const rest = { from: '192.0.2.1', ttl: 64, bytes: 64 };
  times.forEach((rtt, index) => {
    statistics.count({ sequence: index + 1, type: 'reply', rtt, ...rest });
    statistics.count({ sequence: index + 1, type: 'duplicate', rtt: 1000, ...rest });
  });
  statistics.count({ sequence: 7, type: 'lost' });
  statistics.count({ sequence: 8, type: 'expired', from: '192.0.2.1' });
  const { rtt, ...counts } = statistics.summary(9);
  expect(counts).toEqual({ sent: 9, received: 6, lost: 2 });
  // In microseconds, as finish() of ping_common.c does it.
  const sum = times.reduce((total, time) => total + time * 1000, 0);
  const squares = times.reduce((total, time) => total + (time * 1000) ** 2, 0);
  const variance = (squares - (sum * sum) / times.length) / times.length;
  expect(rtt?.mdev).toBeCloseTo(Math.sqrt(variance) / 1000, 6);
  expect(rtt).toMatchObject({ min: 0.041, max: 12.5 });
  expect(rtt?.avg).toBeCloseTo(sum / times.length / 1000, 9);
});
