// With whom a process dies.
import childProcess from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run, spawn } from 'nsnet';
import { describe, expect, test, vi } from 'vitest';
import { Child, patience } from '../fixtures/native/child.js';
import { runningProcesses } from '../support/processes.js';
import { scale, scaled } from '../support/scale.js';
import { node } from '../support/witness.js';

const program = (name: string) => fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
const soon = (check: () => void) => vi.waitFor(check, { timeout: patience(5000), interval: 20 });

let next = 0;
/** How long a sleep is to take that is no other's. */
const unique = () => `100${process.pid}.${++next}`;
const sleeping = (seconds: string) => runningProcesses().filter(({ command }) => command.includes(seconds));
const stubs = (parents: readonly number[]) =>
  runningProcesses().filter(
    ({ command, parent }) => command.startsWith('nsnet-stub') && parents.includes(parent),
  );

/** Starts processes, and is killed in the middle of it; the pids that it told. */
async function killed(options: object, seconds: string, delay: number): Promise<number[]> {
  const [file = '', ...args] = [...node, program('spawner.mjs'), JSON.stringify(options), seconds];
  const child = new Child(file, args);
  const told: number[] = [await child.next<number>()];
  const reading = (async () => {
    for (;;) told.push(await child.next<number>());
  })().catch(() => {});
  await sleep(delay);
  await child.kill();
  await reading;
  return told;
}

const user = { user: 'new' };

describe('of a program that is killed at any moment, nothing is left', () => {
  test.each<[string, object]>([
    ['without namespaces', {}],
    ['with namespaces of their own', { namespaces: { ...user, pid: 'new', mnt: 'new', net: 'new' } }],
    ['with an init', { namespaces: { ...user, pid: 'new' }, init: true }],
  ])('%s', async (_, options) => {
    const seconds = unique();
    let pids = 0;
    for (let i = 0; i < scaled(20, 2); i++)
      pids += (await killed(options, seconds, Math.random() * 50)).length;
    expect(pids).toBeGreaterThanOrEqual(scaled(20, 2));
    await soon(() => expect(sleeping(seconds)).toEqual([]));
    await soon(() => expect(stubs([1, process.pid])).toEqual([]));
  });
});

test('what is detached lives on, and of nsnet nothing', async () => {
  const seconds = unique();
  const pids = await killed({ detached: true }, seconds, 20);
  const alive = sleeping(seconds).map(({ pid }) => pid);
  try {
    expect(alive).toEqual(expect.arrayContaining(pids));
    await soon(() => expect(stubs([1, process.pid])).toEqual([]));
  } finally {
    for (const pid of alive) process.kill(pid, 'SIGKILL');
  }
});

test('the tree of a new pid namespace ends with its first process', async () => {
  const seconds = unique();
  const started = await spawn('sh', ['-c', `sleep ${seconds} & sleep ${seconds}`], {
    stdio: 'ignore',
    namespaces: { pid: 'new', user: 'new' },
  });
  await soon(() => expect(sleeping(`sleep ${seconds}`).length).toBeGreaterThanOrEqual(2));
  await started.close();
  await soon(() => expect(sleeping(seconds)).toEqual([]));
});

test('a Worker’s end with it, whenever it is terminated, and leave no zombie', async () => {
  const [file = '', ...args] = [...node, program('worker.mjs'), String(scaled(10, 2))];
  const child = new Child(file, args);
  const pids = await child.next<number[]>();
  expect(pids.length).toBeGreaterThanOrEqual(scaled(10, 2));
  await soon(() => expect(runningProcesses().filter(({ parent }) => parent === child.pid)).toEqual([]));
  await child.end();
});

test('the event loop waits for one that is not unref()ed, and no longer', async () => {
  const script = (unref: string) =>
    `import { spawn } from '${new URL('../../dist/index.js', import.meta.url).href}';
     const started = await spawn('sleep', ['0.5'], { stdio: 'ignore' });
     started.exited.then(() => console.log('ended'));
     ${unref}`;
  const told = async (unref: string) => {
    const [file = '', ...args] = [...node, '--input-type=module', '-e', script(unref)];
    return (await run(file, args)).stdout;
  };
  expect(await told('')).toBe('ended\n');
  expect(await told('started.unref();')).toBe('');
  expect(await told('started.unref().ref();')).toBe('ended\n');
});

const descriptors = () => readdirSync('/proc/self/fd').length;
const threads = () => readdirSync('/proc/self/task').length;
const zombies = () =>
  runningProcesses().filter(({ parent, state }) => parent === process.pid && state === 'Z');

/** What child_process says of its own, one after another until it is stopped. */
function beside(): { stop: () => Promise<{ count: number; wrong: string[] }> } {
  const wrong: string[] = [];
  let stopped = false;
  let count = 0;
  const done = (async () => {
    for (; !stopped; count++) {
      const child = childProcess.spawn('sh', ['-c', 'echo $((6 * 7)); exit 3'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
      const [code] = await once(child, 'close');
      if (said !== '42\n' || code !== 3) wrong.push(`${said} ${code}`);
    }
  })();
  const stop = async () => {
    stopped = true;
    await done;
    return { count, wrong };
  };
  return { stop };
}

test('ten thousand, one after another, and child_process beside them: no zombie, descriptor or thread more than before', async () => {
  await run('true');
  const before = [descriptors(), threads()] as const;
  const others = beside();
  const ended = new Map<string, number>();
  for (let i = 0; i < scaled(10_000); i++) {
    const started = await spawn('/bin/true', [], { stdio: 'ignore' });
    const how = JSON.stringify(await started.exited);
    ended.set(how, (ended.get(how) ?? 0) + 1);
    await started.close();
  }
  const { count, wrong } = await others.stop();
  expect(count).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
  expect([...ended]).toEqual([['{"code":0,"signal":null}', scaled(10_000)]]);
  await soon(() => expect(descriptors()).toBeLessThanOrEqual(before[0]));
  await soon(() => expect(threads()).toBeLessThanOrEqual(before[1]));
  expect(zombies()).toEqual([]);
}, 600_000);

test('two hundred at once: no zombie, and no more descriptors than before', async () => {
  await run('true');
  const before = descriptors();
  const all = await Promise.all(Array.from({ length: scaled(200, 5) }, () => run('echo', ['x'])));
  expect(all.every(({ stdout }) => stdout === 'x\n')).toBe(true);
  await soon(() => expect(descriptors()).toBeLessThanOrEqual(before));
  expect(zombies()).toEqual([]);
});

test('aborted at any moment of its start: it does not run on, and leaves nothing', async () => {
  const seconds = unique();
  const namespaces = { user: 'new', pid: 'new', mnt: 'new' } as const;
  let [refused, ended] = [0, 0];
  for (let i = 0; i < scaled(100, 20); i++) {
    const controller = new AbortController();
    const { signal } = controller;
    const starting = spawn('sleep', [seconds], { stdio: 'ignore', namespaces, signal });
    if (i % 10 === 0) controller.abort();
    else setTimeout(() => controller.abort(), i % 10);
    await starting.then(
      async (started) => {
        expect(await started.exited).toMatchObject({ signal: 'SIGKILL', reason: 'aborted' });
        await started.close();
        ended++;
      },
      (error) => {
        expect(error.name).toBe('AbortError');
        refused++;
      },
    );
  }
  expect(refused).toBeGreaterThan(0);
  expect(refused + ended).toBe(scaled(100, 20));
  expect(sleeping(seconds)).toEqual([]);
  await soon(() => expect(zombies()).toEqual([]));
});

test('a stub that somebody kills: the start fails or goes well, and leaves no zombie', async () => {
  const kill = (pid: number) => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has gone meanwhile.
    }
  };
  // Every other stub that is seen. Programs outside are too slow for it where a processor is emulated.
  let seen = 0;
  const killing = setInterval(() => {
    for (const { pid } of stubs([process.pid])) if (seen++ % 2 === 0) kill(pid);
  }, 1);
  let failed = 0;
  // How often the killer comes in time is the machine's to say: they go on until he has.
  const latest = performance.now() + 60_000;
  try {
    const worker = async () => {
      for (let i = 0; i < scaled(50, 10) || (scale >= 1 && failed === 0 && performance.now() < latest); i++) {
        const namespaces = { user: 'new', pid: 'new', net: 'new' } as const;
        await run('true', [], { namespaces, reject: false }).catch(() => {
          failed++;
        });
      }
    };
    await Promise.all([worker(), worker(), worker()]);
  } finally {
    clearInterval(killing);
  }
  // Where a processor is emulated nobody may be quick enough to meet one.
  if (scale >= 1) expect(failed).toBeGreaterThan(0);
  expect(await run('echo', ['still'])).toMatchObject({ stdout: 'still\n' });
  await soon(() => expect(zombies()).toEqual([]));
});
