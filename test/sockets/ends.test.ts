// However a run ends: nothing of it is left, and who looks is told the right thing.
import { type Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cable, collect, FAR, sockets } from './cable.js';

const scope = new Scope();
let near: Netns;
let before: number;

const ALWAYS = { count: Number.POSITIVE_INFINITY, interval: 5 };
const ABORTED = { name: 'AbortError', code: 'ABORT_ERR' };

beforeAll(async () => {
  ({ near } = await cable(scope));
  before = sockets();
});

afterAll(() => scope[Symbol.asyncDispose]());

const nothingLeft = () => expect(sockets()).toBe(before);

test('nothing begins before somebody waits for it', async () => {
  const run = near.ping(FAR.inet, ALWAYS);
  run[Symbol.asyncIterator]();
  await new Promise((resolve) => setTimeout(resolve, 30));
  nothingLeft();
});

test('an await and a loop are one run, in whatever order', async () => {
  const run = near.ping(FAR.inet, { count: 3, interval: 5 });
  const [summary, echoes, again] = await Promise.all([run, collect(run), run]);
  expect(summary).toMatchObject({ sent: 3, received: 3 });
  expect(again).toEqual(summary);
  expect(echoes).toHaveLength(3);
  nothingLeft();
});

test('a loop after the await gets what came before', async () => {
  const run = near.ping(FAR.inet, { count: 3, interval: 5 });
  await run;
  expect((await collect(run)).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

test('a second loop throws', async () => {
  const run = near.ping(FAR.inet, { count: 1 });
  await collect(run);
  expect(() => run[Symbol.asyncIterator]()).toThrow(TypeError);
});

test('a run has catch() and finally(), as a promise', async () => {
  let settled = 0;
  const count = () => void settled++;
  expect(await near.ping(FAR.inet, { count: 1 }).finally(count)).toMatchObject({ received: 1 });
  const refused = near.ping(FAR.inet, { count: 1, signal: AbortSignal.abort() });
  expect(await refused.catch((error) => (error as Error).name)).toBe('AbortError');
  await expect(refused.finally(count)).rejects.toThrow('abort');
  expect(settled).toBe(2);
  nothingLeft();
});

test('many who ask at once are answered in turn', async () => {
  const iterator = near.ping(FAR.inet, { count: 2, interval: 5 })[Symbol.asyncIterator]();
  const results = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
  expect(results.map(({ done, value }) => (done ? 'end' : value.sequence))).toEqual([1, 2, 'end', 'end']);
  nothingLeft();
});

describe('break', () => {
  test('ends it quietly; the summary is of what was sent until then', async () => {
    const run = near.ping(FAR.inet, ALWAYS);
    let count = 0;
    for await (const _ of run) if (++count === 3) break;
    nothingLeft();
    const { sent, received, lost } = await run;
    expect(received).toBe(3);
    // What was under way counts as neither.
    expect(lost).toBe(0);
    expect(sent).toBeGreaterThanOrEqual(3);
  });

  test('while nothing has come', async () => {
    const iterator = near.ping('192.168.7.9', ALWAYS)[Symbol.asyncIterator]();
    const next = iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    nothingLeft();
  });

  test('while the socket is still being made', async () => {
    const run = near.ping(FAR.inet, ALWAYS);
    const iterator = run[Symbol.asyncIterator]();
    const next = iterator.next();
    await iterator.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    nothingLeft();
    expect(await run).toEqual({ sent: 0, received: 0, lost: 0 });
  });

  test('before it began: it does not begin', async () => {
    const iterator = near.ping(FAR.inet, ALWAYS)[Symbol.asyncIterator]();
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    nothingLeft();
  });

  test('an error thrown in the loop goes through', async () => {
    const looping = async () => {
      for await (const _ of near.ping(FAR.inet, ALWAYS)) throw new RangeError('enough');
    };
    await expect(looping()).rejects.toThrow('enough');
    nothingLeft();
  });

  test('iterator.throw() ends it, too', async () => {
    const iterator = near.ping(FAR.inet, ALWAYS)[Symbol.asyncIterator]();
    await iterator.next();
    await expect(iterator.throw?.(new Error('enough'))).rejects.toThrow('enough');
    nothingLeft();
  });
});

describe('abort', () => {
  test('before it began', async () => {
    const run = near.ping(FAR.inet, { signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject(ABORTED);
    await expect(collect(run)).rejects.toMatchObject(ABORTED);
    nothingLeft();
  });

  test.each([0, 1, 2, 4, 8, 16])('after %i ms', async (delay) => {
    const stop = new AbortController();
    const run = near.ping(FAR.inet, { ...ALWAYS, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('the reason')), delay);
    const [awaited, looped] = await Promise.allSettled([run, collect(run)]);
    for (const outcome of [awaited, looped]) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: ABORTED });
    }
    nothingLeft();
  });

  test('while a link-local destination is looked up', async () => {
    const stop = new AbortController();
    const run = near.ping('fe80::1%eth0', { ...ALWAYS, signal: stop.signal });
    const outcome = expect(run).rejects.toMatchObject(ABORTED);
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    stop.abort();
    await outcome;
    nothingLeft();
  });

  test('takes its listeners off the signal', async () => {
    const stop = new AbortController();
    const held: string[] = [];
    const { addEventListener, removeEventListener } = stop.signal;
    stop.signal.addEventListener = (type: string, ...rest: [never]) => {
      held.push(type);
      addEventListener.call(stop.signal, type, ...rest);
    };
    stop.signal.removeEventListener = (type: string, ...rest: [never]) => {
      held.pop();
      removeEventListener.call(stop.signal, type, ...rest);
    };
    await near.ping(FAR.inet, { count: 1, signal: stop.signal });
    expect(held).toEqual([]);
    stop.abort();
  });
});

describe('close() of the namespace', () => {
  test.each([0, 1, 3, 10, 30])('after %i ms: it ends quietly', async (delay) => {
    await using own = new Scope();
    const { near } = await cable(own);
    const run = near.ping(FAR.inet, ALWAYS);
    const both = Promise.all([run, collect(run)]);
    await new Promise((resolve) => setTimeout(resolve, delay));
    await near.close();
    const [{ sent, received }, echoes] = await both;
    expect(echoes).toHaveLength(received);
    expect(sent).toBeGreaterThanOrEqual(received);
    await own[Symbol.asyncDispose]();
    nothingLeft();
  });

  test('in the same turn', async () => {
    await using own = new Scope();
    const { near } = await cable(own);
    const run = near.ping(FAR.inet, ALWAYS);
    const summary = run.then((value) => value);
    await near.close();
    expect(await summary).toEqual({ sent: 0, received: 0, lost: 0 });
  });

  test('before: ERR_NSNET_CLOSED, now or when it is to begin', async () => {
    await using own = new Scope();
    const { near } = await cable(own);
    const run = near.ping(FAR.inet);
    await near.close();
    const closed = { name: 'NsnetError', code: 'ERR_NSNET_CLOSED' };
    await expect(run).rejects.toMatchObject(closed);
    await expect(async () => near.ping(FAR.inet)).rejects.toMatchObject(closed);
  });
});

test('an error nobody waits for is not reported as unhandled', async () => {
  for await (const _ of near.ping(FAR.inet, { count: 1 }));
  await expect(collect(near.ping('10.99.0.1'))).rejects.toMatchObject({ code: 'ENETUNREACH' });
  nothingLeft();
});
