// Reservations and relays of processes and workers that end, or are ended.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { sockets } from '../sockets/cable.js';
import { nothingLeft } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
const [file, ...args] = node as [string, ...string[]];

test.each([
  ['reserved', 'reserved\n'],
  ['idle', 'idle\n'],
  ['busy', 'bye\n'],
  ['cluster', 'ERR_NSNET_UNSUPPORTED\n'],
])('%s: the program ends by itself', async (story, output) => {
  expect(await run(file, [...args, program('relays'), story])).toBe(output);
});

test('a port that is closed is free, whatever copies of it clones have had', async () => {
  expect(await run(file, [...args, program('again'), String(scaled(200, 20))])).toBe('0\n');
});

test('a worker that is terminated in the middle leaves no socket', async () => {
  const before = sockets();
  for (let i = 0; i < scaled(10, 2); i++) {
    const worker = new Worker(program('relays-worker'));
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, i * 3));
    await worker.terminate();
  }
  await nothingLeft(before);
});
