import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { doctor, Netns, NsnetError } from 'nsnet';

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was not refused');
}

const { versions } = process;
const runtime = versions.bun ? 'Bun' : versions.deno ? 'Deno' : 'Node.js';

export const rows = {
  'importing `nsnet`, `nsnet/syscalls`, `nsnet/netlink`, and `require`': async () => {
    const { createRequire } = await import('node:module');
    const [main, syscalls, netlink] = await Promise.all([
      import('nsnet'),
      import('nsnet/syscalls'),
      import('nsnet/netlink'),
    ]);
    assert.equal(typeof main.Netns.create, 'function');
    assert.equal(typeof syscalls.unshare, 'function');
    assert.ok(Object.keys(netlink).length > 0);
    assert.equal(createRequire(import.meta.url)('nsnet').Netns, main.Netns);
  },
  'errors: classes, codes, what the kernel said': async () => {
    const missing = await refusal(Netns.open(`none-${process.pid}`));
    assert.ok(missing instanceof NsnetError && missing instanceof Error);
    assert.deepEqual([missing.name, missing.code, missing.errno], ['NsnetError', 'ENOENT', -2]);
    assert.match(missing.message, /^ENOENT: .*netns 'none-/);
    const wrong = await refusal(Netns.create({ loopback: 'yes' }));
    assert.ok(wrong instanceof TypeError);
    assert.equal(wrong.code, 'ERR_INVALID_ARG_TYPE');
    const netns = await Netns.create();
    const route = await refusal(netns.routes.add({ destination: '10.9.0.0/16', gateway: '10.1.0.1' }));
    assert.equal(route.code, 'ENETUNREACH');
    assert.ok(route.kernel);
    await netns.close();
    const closed = await refusal(netns.sysctl('net.ipv4.ip_forward'));
    assert.equal(closed.code, 'ERR_NSNET_CLOSED');
  },
  'cancelling by an `AbortSignal`': async () => {
    const netns = await Netns.create();
    const error = await refusal(netns.ping('127.0.0.1', { count: 1000, signal: AbortSignal.timeout(50) }));
    assert.deepEqual([error.name, error.code], ['AbortError', 'ABORT_ERR']);
    const early = await refusal(Netns.create({ signal: AbortSignal.abort() }));
    assert.equal(early.name, 'AbortError');
    await netns.close();
  },
  'a Worker that uses it, terminated in the middle': async () => {
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(new URL('../worker.mjs', import.meta.url));
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
    const netns = await Netns.create();
    const { received } = await netns.ping('127.0.0.1', { count: 1 });
    assert.equal(received, 1);
    await netns.close();
  },
  '`doctor()`': async () => {
    const { checks } = await doctor();
    const found = checks.find(({ name }) => name === 'runtime')?.found;
    assert.match(found ?? '', new RegExp(`^${runtime} `));
  },
};
