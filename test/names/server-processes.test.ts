// What keeps a program that serves names running, and workers that are terminated.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

describe('a program that serves names ends by itself', () => {
  test.concurrent.each(['idle', 'asked', 'connected', 'closed'])('%s', async (story) => {
    const [file = '', ...args] = node;
    expect(await run(file, [...args, program('serving'), story])).toBe(`${story}\n`);
  });
});

test('a worker terminated in the middle', async () => {
  for (let i = 0; i < scaled(10, 2); i++) {
    const worker = new Worker(program('serving-worker'));
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, i * 2));
    await worker.terminate();
  }
});
