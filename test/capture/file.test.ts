// The pcapng file, as Wireshark reads it.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Netns, Scope, type Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cable, FAR, sockets } from '../sockets/cable.js';
import { run } from '../support/witness.js';
import { ethernet, ipv4, udp } from './support/packets.js';
import { rest, rings, Wire } from './support/wire.js';

const scope = new Scope();
let near: Netns;
let ends: [Veth, Veth];
let wire: Wire;
let directory: string;

beforeAll(async () => {
  const pair = await cable(scope);
  ({ near, ends } = pair);
  wire = await scope.use(Wire.open(pair.far, ends[1].index));
  directory = await mkdtemp(join(tmpdir(), 'nsnet-pcapng-'));
});

afterAll(async () => {
  await scope[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

let count = 0;
const path = () => join(directory, `${count++}.pcapng`);

/** Fields of each packet, as tshark has them. */
async function fields(file: string, ...names: string[]): Promise<string[][]> {
  const wanted = names.flatMap((name) => ['-e', name]);
  const text = await run('tshark', ['-n', '-r', file, '-T', 'fields', ...wanted]);
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'));
}

/** The blocks of the file themselves. */
const blocks = (file: string) => run('tshark', ['-X', 'read_format:MIME Files Format', '-V', '-r', file]);

test('a file alone: names of links, nanoseconds, directions, lengths', async () => {
  const file = path();
  {
    await using capture = near.capture({ file, filter: 'icmp or udp', snaplen: 60 });
    await capture.ready;
    await near.ping(FAR.inet, { count: 1 });
    await near.ping('127.0.0.1', { count: 1 });
    wire.send(ethernet(0x800, ipv4(17, udp(1, 2, [7])), { tags: [{ id: 12 }] }));
  }
  const read = await fields(
    file,
    'frame.interface_name',
    'frame.len',
    'frame.cap_len',
    'frame.packet_flags_direction',
  );
  expect(read).toEqual([
    ['eth0', '98', '60', '0x00000002'],
    ['eth0', '98', '60', '0x00000001'],
    ['lo', '98', '60', '0x00000001'],
    ['lo', '98', '60', '0x00000001'],
  ]);
});

test('who loops over it gets what is in the file, to the nanosecond', async () => {
  const file = path();
  const capture = near.capture({ file, links: 'eth0', filter: 'icmp' });
  capture[Symbol.asyncIterator]();
  await capture.ready;
  await near.ping(FAR.inet, { count: 5, interval: 1 });
  const packets = await rest(capture);
  expect(packets).toHaveLength(10);
  const seconds = (time: bigint) =>
    `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`;
  expect(await fields(file, 'frame.time_epoch', 'icmp.seq')).toEqual(
    packets.map(({ time, icmp }) => [seconds(time), String(icmp?.sequence)]),
  );
});

test('the filter, the system and what was counted', async () => {
  const file = path();
  const capture = near.capture({ file, links: 'eth0', filter: 'icmp' });
  await capture.ready;
  await near.ping(FAR.inet, { count: 2, interval: 1 });
  await capture.close();
  expect(capture.stats()).toEqual({
    received: 4,
    dropped: 0,
    droppedByKernel: 0,
    droppedByReader: 0,
    written: 4,
  });
  const text = await blocks(file);
  expect(text).toContain('Number of Received Packets = 4');
  expect(text).toContain('Number of Dropped Packets = 0');
  const info = await run('capinfos', [file]);
  expect(info).toMatch(/Name = eth0/);
  expect(info).toMatch(/Filter string = icmp/);
  expect(info).toMatch(/Time precision = nanoseconds \(9\)/);
  expect(info).toMatch(/Capture application: nsnet/);
  expect(info).toMatch(/Number of packets = 4/);
});

const frame = ethernet(0x800, ipv4(17, udp(1, 2, new Array(1300).fill(1))));

test('what the kernel drops is counted, and said in the file', async () => {
  const file = path();
  const capture = near.capture({ file, links: 'eth0', filter: 'udp', buffer: '1M' });
  await capture.ready;
  // Nothing is read meanwhile.
  for (let i = 0; i < 2000; i++) wire.send(frame);
  await capture.close();
  const { received, dropped, droppedByKernel, written } = capture.stats();
  expect(received).toBe(2000);
  expect(dropped).toBeGreaterThan(500);
  expect(droppedByKernel).toBe(dropped);
  expect(written).toBe(2000 - dropped);
  expect(await fields(file, 'frame.number')).toHaveLength(written);
  const text = await blocks(file);
  expect(text).toContain('Number of Received Packets = 2000');
  expect(text).toContain(`Number of Dropped Packets = ${dropped}\n`);
});

test('a reader that does not read: memory is bounded, and the file has everything', async () => {
  const file = path();
  const capture = near.capture({ file, filter: 'udp', buffer: '64M' });
  const iterator = capture[Symbol.asyncIterator]();
  await capture.ready;
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 30; i++) {
    for (let j = 0; j < 1000; j++) wire.send(frame);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await iterator.next();
  await capture.close();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 << 20);
  const stats = capture.stats();
  expect(stats).toMatchObject({
    received: 30_000,
    droppedByKernel: 0,
    written: 30_000,
    dropped: stats.droppedByReader,
  });
  expect(stats.droppedByReader).toBeGreaterThan(10_000);
  expect(await rest(capture)).toHaveLength(30_000 - stats.droppedByReader - 1);
  expect(await run('capinfos', ['-c', '-M', file])).toMatch(/Number of packets:\s+30000/);
}, 60_000);

test('no packets: a file that can be read', async () => {
  const file = path();
  const capture = near.capture({ file, filter: 'tcp' });
  await capture.ready;
  await capture.close();
  expect(await fields(file, 'frame.number')).toEqual([]);
});

test('a file that is there is written over', async () => {
  const file = path();
  await writeFile(file, 'x'.repeat(100_000));
  const capture = near.capture({ file, filter: 'icmp' });
  await capture.ready;
  await near.ping('127.0.0.1', { count: 1 });
  await capture.close();
  expect(await fields(file, 'frame.number')).toHaveLength(2);
});

describe('however it ends, the file is whole', () => {
  test.each(['return', 'abort', 'namespace'] as const)('%s', async (how) => {
    await using own = new Scope();
    const pair = await cable(own);
    const file = path();
    const stop = new AbortController();
    const capture = pair.near.capture({ file, filter: 'icmp', signal: stop.signal });
    await capture.ready;
    await pair.near.ping(FAR.inet, { count: 3, interval: 1 });
    if (how === 'return') await capture.return();
    else if (how === 'abort') stop.abort();
    else await pair.near.close();
    await capture.close();
    expect(await fields(file, 'frame.number')).toHaveLength(6);
  });
});

describe('errors', () => {
  test('a directory that is not there: ENOENT, and nothing is left', async () => {
    const before = sockets();
    const capture = near.capture({ file: join(directory, 'none', 'x.pcapng') });
    await expect(capture.ready).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
    await capture.close();
    expect([sockets(), rings()]).toEqual([before, 0]);
  });

  test('a link that there is not: no file', async () => {
    const file = path();
    const capture = near.capture({ file, links: 'eth8' });
    await expect(capture.ready).rejects.toMatchObject({ code: 'ENODEV' });
    await capture.close();
    expect(existsSync(file)).toBe(false);
  });

  test('no room: the loop is told at once', async () => {
    const capture = near.capture({ file: '/dev/full', filter: 'icmp' });
    await expect(Promise.all([capture.next(), capture.next()])).rejects.toMatchObject({ code: 'ENOSPC' });
    await capture.close();
    expect(rings()).toBe(0);
  });

  test('no room: the capture ends, and says so', async () => {
    const capture = near.capture({ file: '/dev/full', filter: 'icmp' });
    await capture.ready;
    await near.ping('127.0.0.1', { count: 1 });
    await expect(capture.close()).rejects.toMatchObject({ code: 'ENOSPC' });
    await capture.close();
    expect(rings()).toBe(0);
  });
});

test('bytes are those of the packets', async () => {
  const file = path();
  const capture = near.capture({ file, filter: 'inbound and udp' });
  await capture.ready;
  wire.send(frame);
  await capture.close();
  expect((await readFile(file)).includes(Buffer.from(frame))).toBe(true);
});
