// However a capture ends: nothing of it is left, and who looks is told the right thing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cable, collect, FAR, sockets } from '../sockets/cable.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { rest, rings } from './support/wire.js';

const scope = new Scope();
let near: Netns;
let before: number;

const ABORTED = { name: 'AbortError', code: 'ABORT_ERR' };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  ({ near } = await cable(scope));
  before = sockets();
});

afterAll(() => scope[Symbol.asyncDispose]());

const threads = () =>
  readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').startsWith('nsnet-poll');
    } catch {
      return false;
    }
  }).length;

async function nothingLeft(): Promise<void> {
  expect([sockets(), rings()]).toEqual([before, 0]);
  await expect.poll(threads).toBe(0);
}

/** One that has packets, and gets more. */
async function busy() {
  const capture = near.capture({ filter: 'icmp' });
  await capture.ready;
  await near.ping(FAR.inet, { count: 3, interval: 1 });
  return capture;
}

test('while it runs there is a ring', async () => {
  const capture = await busy();
  expect([sockets(), rings()]).toEqual([before + 1, 1]);
  await capture.close();
  await nothingLeft();
});

describe('break', () => {
  test('ends it quietly', async () => {
    const capture = await busy();
    for await (const packet of capture) {
      expect(packet.icmp).toBeDefined();
      break;
    }
    await nothingLeft();
    expect(await capture.next()).toEqual({ done: true, value: undefined });
    await capture.close();
  });

  test('while nothing has come', async () => {
    const capture = near.capture({ filter: 'tcp' });
    const next = capture.next();
    await capture.ready;
    expect(await capture.return()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    await nothingLeft();
  });

  test('while the socket is still being made', async () => {
    const capture = near.capture();
    const next = capture.next();
    await capture.return();
    expect(await next).toEqual({ done: true, value: undefined });
    await expect(capture.ready).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await nothingLeft();
  });

  test('an error thrown in the loop goes through', async () => {
    const capture = await busy();
    const looping = async () => {
      for await (const _ of capture) throw new RangeError('enough');
    };
    await expect(looping()).rejects.toThrow('enough');
    await nothingLeft();
  });

  test('iterator.throw() ends it, too', async () => {
    const capture = await busy();
    await expect(capture.throw(new Error('enough'))).rejects.toThrow('enough');
    await nothingLeft();
  });
});

describe('close()', () => {
  test('what was caught can still be read', async () => {
    const capture = await busy();
    expect(await rest(capture)).toHaveLength(6);
    await nothingLeft();
  });

  test('of a reader that waits', async () => {
    const capture = near.capture({ filter: 'tcp' });
    const reading = collect(capture);
    await capture.ready;
    await capture.close();
    expect(await reading).toEqual([]);
    await nothingLeft();
  });

  test('at once, and again', async () => {
    const capture = near.capture();
    await Promise.all([capture.close(), capture.close(), capture.return()]);
    await capture.close();
    await nothingLeft();
  });

  test('await using', async () => {
    {
      await using capture = near.capture();
      await capture.ready;
    }
    await nothingLeft();
  });

  test('what was counted is kept', async () => {
    const capture = await busy();
    await capture.close();
    expect(capture.stats()).toMatchObject({ received: 6, dropped: 0 });
    expect(capture.stats()).toMatchObject({ received: 6, dropped: 0 });
  });
});

describe('abort', () => {
  test('before it began', async () => {
    const capture = near.capture({ signal: AbortSignal.abort() });
    await expect(capture.next()).rejects.toMatchObject(ABORTED);
    await expect(capture.ready).rejects.toMatchObject(ABORTED);
    await capture.close();
    await nothingLeft();
  });

  test.each([0, 1, 2, 4, 8, 16])('after %i ms', async (delay) => {
    const stop = new AbortController();
    const capture = near.capture({ signal: stop.signal, links: 'eth0' });
    setTimeout(() => stop.abort(new Error('the reason')), delay);
    await expect(collect(capture)).rejects.toMatchObject({ ...ABORTED, cause: { message: 'the reason' } });
    expect(await capture.next()).toEqual({ done: true, value: undefined });
    await capture.close();
    await nothingLeft();
  });

  test('takes its listeners off the signal', async () => {
    const stop = new AbortController();
    const held: string[] = [];
    const { addEventListener, removeEventListener } = stop.signal;
    stop.signal.addEventListener = (type: string, ...others: [never]) => {
      held.push(type);
      addEventListener.call(stop.signal, type, ...others);
    };
    stop.signal.removeEventListener = (type: string, ...others: [never]) => {
      held.pop();
      removeEventListener.call(stop.signal, type, ...others);
    };
    await using capture = near.capture({ signal: stop.signal });
    await capture.ready;
    await capture.close();
    expect(held).toEqual([]);
  });
});

describe('close() of the namespace', () => {
  test.each([0, 1, 3, 10, 30])('after %i ms: it ends quietly', async (delay) => {
    await using own = new Scope();
    const { near } = await cable(own);
    const capture = near.capture();
    const reading = collect(capture);
    await sleep(delay);
    await near.close();
    expect(await reading).toBeInstanceOf(Array);
    await capture.close();
    await own[Symbol.asyncDispose]();
    await nothingLeft();
  });

  test('before: ERR_NSNET_CLOSED', async () => {
    await using own = new Scope();
    const { near } = await cable(own);
    await near.close();
    expect(() => near.capture()).toThrow(expect.objectContaining({ code: 'ERR_NSNET_CLOSED' }));
  });
});

test('an error that nobody was told is told by close(), once', async () => {
  const capture = near.capture({ links: 'eth9' });
  await sleep(50);
  await expect(capture.close()).rejects.toMatchObject({ code: 'ENODEV' });
  await capture.close();
  await nothingLeft();
});

test('an error that was told is not told again', async () => {
  const looping = async () => {
    await using capture = near.capture({ links: 'eth9' });
    await capture.ready;
  };
  await expect(looping()).rejects.toMatchObject({ code: 'ENODEV' });
  await nothingLeft();
});

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

describe('what keeps a program running', () => {
  const [file, ...args] = node as [string, ...string[]];

  test.each([
    ['closed', 'closed\n'],
    ['broken', 'lo\n'],
    ['aborted', 'AbortError\n'],
    ['together', 'over\n'],
  ])('%s: it ends by itself', async (story, output) => {
    expect(await run(file, [...args, program('alive'), story])).toBe(output);
  });

  test('forever: it does not', async () => {
    const child = spawn(process.execPath, [program('alive'), 'forever']);
    await once(child.stdout, 'data');
    const ended = once(child, 'exit');
    expect(await Promise.race([ended, sleep(500).then(() => 'running')])).toBe('running');
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
  });
});

test('a worker terminated in the middle', async () => {
  for (let i = 0; i < scaled(6, 2); i++) {
    const worker = new Worker(program('worker'));
    await once(worker, 'message');
    await sleep(i * 5);
    await worker.terminate();
  }
  await expect.poll(rings).toBe(0);
});

test('without CAP_NET_RAW it is refused, and says what to do', async () => {
  const user = privileged ? '--reuid 65534 --regid 65534 --clear-groups' : '--inh-caps=-all';
  const command = `exec setpriv ${user} --bounding-set=-all "$@"`;
  const unshare = privileged ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const said = JSON.parse(
    await run('unshare', [...unshare, 'sh', '-c', command, 'sh', ...node, program('current')]),
  );
  expect(said).toMatchObject({
    code: 'EPERM',
    syscall: 'socket',
    message: expect.stringContaining("this process's netns"),
    hint: expect.stringContaining('CAP_NET_RAW'),
  });
});
