// Programs and workers with networks, which end or are ended.
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Netns, Network, Scope } from 'nsnet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sockets } from '../sockets/cable.js';
import { nothingLeft } from '../sockets/streams.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { expectSeen, hostOnLan, seen, startIn } from './hosts.js';

const scope = new Scope();
let host: Netns;

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
});
afterAll(() => scope[Symbol.asyncDispose]());

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
const [file, ...args] = node as [string, ...string[]];

test.each([
  ['network', 'network\n'],
  ['endpoint', '10.1.0.2\n'],
  ['used', 'hello\n'],
  ['closed', 'closed\n'],
])('%s: the program ends by itself', async (story, output) => {
  expect(await run(file, [...args, program('ends'), story])).toBe(output);
});

test('without a namespace it is the one that the program is in', async () => {
  const before = await seen(host);
  const child = await startIn(host, 'default', []);
  const [out, error] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
  expect(error).toBe('');
  expect(JSON.parse(out)).toEqual([true, 1, 'mynet', 1, []]);
  await expectSeen(host, before);
});

// Rootless, namespaces are not to be opened by another thread's descriptors.
test.runIf(privileged)(
  'of a worker that is terminated in the middle, gc() removes what is left',
  async () => {
    await Network.gc({ netns: host });
    // A socket that is kept, by which gc() has what went through an endpoint forgotten.
    await host.conntrack.list();
    const [before, open] = [await seen(host), sockets()];
    for (let i = 0; i < scaled(8, 3); i++) {
      const worker = new Worker(program('worker'), { workerData: host.fd });
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, i * 7));
      await worker.terminate();
      // Its sockets are closed with it; a moment later where work was under way.
      for (let tries = 0; tries < 100; tries++) {
        await Network.gc({ netns: host });
        if ((await Network.list({ netns: host })).length === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await expectSeen(host, before, `round ${i}`);
    }
    await nothingLeft(open);
  },
);
