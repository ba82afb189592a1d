// Servers and connections of processes and workers that end, or are ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { sockets } from './cable.js';
import { heard, nothingLeft, saying } from './streams.js';

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
const [file, ...args] = node as [string, ...string[]];

describe('what keeps a program running', () => {
  test.each([
    ['closed', 'heard\n'],
    ['agents', 'answered\n'],
    ['namespace', 'closed\n'],
    ['unref', 'unref\n'],
    ['pending', 'ECONNREFUSED\nconnected\n'],
  ])('%s: it ends by itself', async (story, output) => {
    expect(await run(file, [...args, program('streams'), story])).toBe(output);
  });

  test('a server: it does not', async () => {
    const child = spawn(file, [...args, program('streams'), 'serving']);
    await once(child.stdout, 'data');
    const ended = once(child, 'exit');
    const early = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 300, 'running'))]);
    expect(early).toBe('running');
    child.kill('SIGKILL');
    await ended;
  });
});

test('a worker of node:cluster may not listen, and is told so', async () => {
  expect(await run(file, [...args, program('streams'), 'cluster'])).toBe(
    'ERR_NSNET_UNSUPPORTED udp4\nexit\n',
  );
});

// Rootless another process's namespaces are not to be entered.
test.runIf(privileged)('kill -9 of who listens: the port is free', async () => {
  const netns = await Netns.create();
  const path = `/proc/${process.pid}/fd/${netns.fd}`;
  const child = spawn(file, [...args, program('streams'), 'serving', path]);
  await once(child.stdout, 'data');
  expect(await heard(await netns.connect({ port: 4000 }))).toBe('first');
  await expect(netns.listen(saying(''), { port: 4000 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  const listener = await netns.listen(saying('second'), { port: 4000 });
  expect(await heard(await netns.connect({ port: 4000 }))).toBe('second');
  await listener.close();
  await netns.close();
});

test('a worker that is terminated in the middle leaves no socket', async () => {
  const before = sockets();
  for (let i = 0; i < scaled(8, 2); i++) {
    const worker = new Worker(program('stream-worker'));
    const [said] = await once(worker, 'message');
    expect(said).toBe('true udp4');
    await new Promise((resolve) => setTimeout(resolve, i * 3));
    await worker.terminate();
  }
  await nothingLeft(before);
});
