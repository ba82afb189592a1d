// Descriptors: nothing uses one after it is closed, and nobody closes one twice.
import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { internals } from '../../lib/namespaces/network.js';
import { HERE } from '../../lib/syscalls/excursion.js';
import { Fd } from '../../lib/syscalls/fd.js';
import { type NativeWatch, native } from '../../lib/syscalls/native.js';
import { openSocket } from '../../lib/syscalls/sockets.js';
import { Steps } from '../../lib/syscalls/steps.js';
import { patience } from '../fixtures/native/child.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';

const KEY = 'net.ipv4.ip_local_port_range';
const PATH = '/proc/sys/net/ipv4/ip_local_port_range';
const RANGE = '1234\t4321';
const AF_NETLINK = 16;
const AT_FDCWD = -100;

let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create();
  await netns.sysctl(KEY, RANGE);
});
afterEach(() => netns.close());

/** Opens files until told to stop. */
function openFiles(opened: (fd: number) => void): () => Promise<void> {
  let stopped = false;
  const opening = (async () => {
    while (!stopped) {
      const batch = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'));
      for (const fd of batch) {
        opened(fd);
        closeSync(fd);
      }
      await sleep(0);
    }
  })();
  return () => {
    stopped = true;
    return opening;
  };
}

const threads = () =>
  readdirSync('/proc/self/task').flatMap((task) => {
    try {
      const name = readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim();
      return name.startsWith('nsnet') ? [name] : [];
    } catch {
      return [];
    }
  });

const descriptors = () => readdirSync('/proc/self/fd').length;

async function netlinkSocket(): Promise<Fd> {
  return openSocket(HERE, [AF_NETLINK, 3, 0]);
}

describe('closing while there is work under way', () => {
  test('a namespace settles what was issued first', async () => {
    let settled = 0;
    const work = Array.from({ length: scaled(200, 20) }, async (_, i) => {
      const value =
        i % 10 === 0 ? (await netns.links.list()).map(({ name }) => name) : await netns.sysctl(KEY);
      settled++;
      return value;
    });
    expect(await netns.close().then(() => settled)).toBe(work.length);
    expect(await Promise.all(work)).toEqual(work.map((_, i) => (i % 10 === 0 ? ['lo'] : RANGE)));
    expect(netns.fd).toBe(-1);
  });

  test('the number of a descriptor is not used again under a running excursion', async () => {
    const { entries, ownMemory } = internals(netns).inside();
    const fd = Fd.duplicate(netns.fd);
    const { number } = fd;
    const inside = [...entries.slice(0, -2), fd.native, entries.at(-1) as number];
    const reads = Array.from({ length: scaled(300, 20) }, async () => {
      const read = await native().readFile(inside, ownMemory, PATH);
      return String(Buffer.from(read as Uint8Array)).trim();
    });
    const closing = native().fdClose(fd.native);
    expect(fd.number).toBe(number);
    const early: number[] = [];
    let opened = 0;
    const stop = openFiles((one) => {
      opened++;
      if (one === number && fd.number === number) early.push(one);
    });
    expect(await native().readFile(inside, ownMemory, PATH)).toMatchObject({ errno: -9 });
    expect(await closing).toBe(0);
    await stop();
    expect(new Set(await Promise.all(reads))).toEqual(new Set([RANGE]));
    expect(fd.number).toBe(-1);
    expect(early).toEqual([]);
    expect(opened).toBeGreaterThan(0);
  });

  test('a descriptor stays while it is watched', async () => {
    const socket = await netlinkSocket();
    const watch = native().watch(socket.native, () => {}) as NativeWatch;
    const { number } = socket;
    const closing = socket.close();
    expect(await Promise.race([closing, sleep(100, 'open')])).toBe('open');
    expect(readlinkSync(`/proc/self/fd/${number}`)).toMatch(/^socket:/);
    native().watchClose(watch);
    await closing;
    expect(socket.number).toBe(-1);
  });
});

describe('closing again', () => {
  test('is no error, and closes nothing that has the number now', async () => {
    const fd = Fd.duplicate(netns.fd);
    const { number } = fd;
    await Promise.all([fd.close(), fd.close()]);
    const opened: number[] = [];
    while (!opened.includes(number)) opened.push(openSync('/dev/null', 'r'));
    const { ino } = fstatSync(number);
    await fd.close();
    expect(await native().fdClose(fd.native)).toBe(-9);
    expect(native().nsInfo(fd.native)).toBe(-9);
    expect(fd.number).toBe(-1);
    expect(fstatSync(number).ino).toBe(ino);
    for (const one of opened) closeSync(one);
  });

  test('a namespace that is closed says so', async () => {
    const first = netns.close();
    expect(netns.close()).toBe(first);
    await first;
    await netns.close();
    const closed = { code: 'ERR_NSNET_CLOSED' };
    await expect(netns.sysctl(KEY)).rejects.toMatchObject(closed);
    expect(() => netns.links.list()).toThrow(expect.objectContaining(closed));
    await expect(netns.owner()).rejects.toMatchObject(closed);
    await expect(netns.parent()).rejects.toMatchObject(closed);
  });
});

test('a number that was given away is the caller’s', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-fifo-'));
  const path = join(directory, 'fifo');
  await run('mkfifo', [path]);
  const fifo = openSync(path, 'r+');
  const fd = Fd.duplicate(netns.fd);
  const { entries, ownMemory } = internals(netns).inside();
  const inside = [...entries.slice(0, -2), fd.native, entries.at(-1) as number];
  // A program that uses the descriptor until somebody writes.
  const steps = new Steps();
  const opened = steps.add('openat', [AT_FDCWD, path, constants.O_RDWR, 0]);
  steps.add('read', [opened, 1]);
  const reading = steps.run({ entries: inside, ownMemory });
  expect(() => fd.release()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
  writeSync(fifo, 'x');
  expect((await reading).errno).toBe(0);
  const number = fd.release();
  await fd.close();
  expect(fstatSync(number).ino).toBe(netns.id);
  closeSync(number);
  closeSync(fifo);
  rmSync(directory, { recursive: true });
});

describe('threads', () => {
  const soon = (check: () => void) => vi.waitFor(check, { timeout: patience(3000), interval: 20 });
  const gone = () => soon(() => expect(threads()).toEqual([]));

  test('end when they have had nothing to do for a while', async () => {
    await Promise.all(Array.from({ length: 20 }, () => netns.sysctl(KEY)));
    expect(threads()).toContain('nsnet');
    await gone();
  });

  test('the one that waits ends with the last watch, however short', async () => {
    const socket = await netlinkSocket();
    await gone();
    const before = descriptors();
    for (let i = scaled(500, 50); i > 0; i--) {
      const watch = native().watch(socket.native, () => {}) as NativeWatch;
      if (i % 3 === 0) native().watchArm(watch);
      native().watchClose(watch);
      if (i % 10 === 0) await sleep(0);
    }
    await gone();
    await soon(() => expect(descriptors()).toBe(before));
    await socket.close();
  });

  test('none waits for what cannot be watched', async () => {
    const before = descriptors();
    const fd = Fd.duplicate(netns.fd);
    expect(native().watch(fd.native, () => {})).toBe(-1);
    await fd.close();
    await gone();
    await soon(() => expect(descriptors()).toBe(before));
  });
});
