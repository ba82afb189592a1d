// NetworkSandbox: what it is given and gives, what is left of it, and the network 'bridge' that several have in common.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Netns, Network, NetworkSandbox, type SandboxOptions } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node } from '../support/witness.js';

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

let host: Netns;
beforeAll(async () => {
  host = await Netns.create();
  // Nobody else is asked for names.
  host.nameservers = ['127.0.0.1'];
});
afterAll(() => host.close());

const onBridge = (options: SandboxOptions = {}) =>
  NetworkSandbox.create('bridge', { netns: host, ...options });

/** What is in the host's namespace beside what was there: nothing. */
async function expectNothing(): Promise<void> {
  const links = await host.links.list();
  expect(links.map(({ name }) => name)).toEqual(['lo']);
  expect((await host.nftables.list()).tables).toEqual([]);
}

describe('what cannot be meant is refused, and nothing is made', () => {
  test.each<[string, unknown, object, string]>([
    ['no mode', undefined, {}, 'ERR_INVALID_ARG_TYPE'],
    ['a number', 5, {}, 'ERR_INVALID_ARG_TYPE'],
    ['nothing said', '', {}, 'ERR_INVALID_ARG_VALUE'],
    ['a path', '../x', {}, 'ERR_INVALID_ARG_VALUE'],
    ['no pid', 'container:', {}, 'ERR_INVALID_ARG_VALUE'],
    ['pid 0', 'container:0', {}, 'ERR_INVALID_ARG_VALUE'],
    ['a pid and more', 'container:1x', {}, 'ERR_INVALID_ARG_VALUE'],
    ['a name', 'container:web', {}, 'ERR_INVALID_ARG_VALUE'],
    ['a pid beyond all', 'container:4294967296', {}, 'ERR_OUT_OF_RANGE'],
    ['options that are none', 'none', null as never, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown option', 'none', { nmae: 'x' }, 'ERR_INVALID_ARG_VALUE'],
    ['a signal that is none', 'none', { signal: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['a netns that is none', 'host', { netns: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['ports that are none', 'bridge', { publish: ['x'] }, 'ERR_INVALID_ARG_VALUE'],
    ['an address of another subnet', 'bridge', { address: '10.0.0.1' }, 'ERR_INVALID_ARG_VALUE'],
  ])('%s', async (_title, mode, options, code) => {
    const given = options && mode === 'bridge' ? { netns: host, ...options } : options;
    await expect(NetworkSandbox.create(mode as never, given as never)).rejects.toMatchObject({ code });
    await expectNothing();
  });

  test.each(['none', 'host', `container:${process.pid}`])('what is of an endpoint, with %s', async (mode) => {
    const all: SandboxOptions[] = [
      { publish: ['80'] },
      { name: 'x' },
      { aliases: ['x'] },
      { address: '172.17.0.2' },
      { address6: 'fd00::2' },
      { mac: '02:00:00:00:00:01' },
      { resolver: false },
    ];
    for (const options of all) {
      const [key = ''] = Object.keys(options);
      const kind = mode.split(':')[0];
      await expect(NetworkSandbox.create(mode, options)).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARG_VALUE',
          message: expect.stringMatching(new RegExp(`(ports|nothing) with mode '${kind}'.* for ${key}`)),
        }),
      );
    }
    await using empty = await NetworkSandbox.create(mode, { publish: [], aliases: [] });
    expect(empty.endpoint).toBeUndefined();
  });

  test('no network is called as a mode', async () => {
    for (const name of ['none', 'host'])
      await expect(Network.create({ name, netns: host })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
    await expectNothing();
  });

  test('a Network has a netns of its own', async () => {
    await using network = await Network.create({ name: 'mynet', netns: host });
    const made = NetworkSandbox.create(network, { netns: host });
    await expect(made).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('the constructor is not for users', () => {
    expect(() => new NetworkSandbox({} as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ILLEGAL_CONSTRUCTOR' }),
    );
  });
});

test('what it says of itself', async () => {
  await using sandbox = await onBridge({ name: 'web', publish: ['8080:80'] });
  expect(String(sandbox)).toBe(
    "NetworkSandbox { mode: 'bridge', Endpoint { network: 'bridge', name: 'web', 172.17.0.2 } }",
  );
  expect(JSON.parse(JSON.stringify(sandbox))).toMatchObject({ mode: 'bridge', endpoint: { name: 'web' } });
  expect(sandbox.namespaces).toEqual({ net: sandbox.netns });
  expect(sandbox.netns.nameservers).toEqual(['127.0.0.11']);
  expect(await sandbox.netns.sysctl('net.ipv4.ip_unprivileged_port_start')).toBe('0');
});

test('without a resolver there is no nameserver', async () => {
  await using sandbox = await onBridge({ resolver: false });
  expect(sandbox.netns.nameservers).toEqual([]);
});

test('a name is known as soon as its endpoint is there, and forgotten with it', async () => {
  await using asking = await onBridge();
  const ask = (name: string) => asking.netns.resolve(name).catch(() => []);
  for (let i = 0; i < 10; i++) {
    const name = `c${i}`;
    // What is read for this is no answer a moment later.
    expect(await ask(name)).toEqual([]);
    const sandbox = await onBridge({ name });
    expect(await ask(name)).toEqual([sandbox.endpoint?.address]);
    await sandbox.close();
    expect(await ask(name)).toEqual([]);
  }
});

test('what fails is undone', async () => {
  await using first = await onBridge({ name: 'web', publish: ['8080:80'] });
  const before = (await host.links.list()).length;
  await expect(onBridge({ name: 'web' })).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(onBridge({ publish: ['8080:80'] })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(onBridge({ address: '172.17.0.2' })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(NetworkSandbox.create('nosuch', { netns: host })).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await host.links.list()).length).toBe(before);
  await first.close();
  await expectNothing();
});

test('aborted at any moment it leaves nothing', async () => {
  const aborted = NetworkSandbox.create('none', { signal: AbortSignal.abort() });
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
  let refused = 0;
  for (let i = 0; i < scaled(40, 5); i++) {
    const controller = new AbortController();
    const making = onBridge({ publish: ['80'], signal: controller.signal });
    setTimeout(() => controller.abort(), Math.random() * 40);
    await making.then(
      (sandbox) => sandbox.close(),
      ({ name }) => {
        expect(name).toBe('AbortError');
        refused++;
      },
    );
  }
  expect(refused).toBeGreaterThan(0);
  await expectNothing();
});

test('close() disconnects, again is no error; after the host’s namespace, too', async () => {
  const other = await Netns.create();
  const sandbox = await NetworkSandbox.create('bridge', { netns: other, publish: ['80'] });
  const first = await onBridge();
  await first.close();
  await first.close();
  expect(first.closed).toBe(true);
  await other.close();
  await sandbox.close();
  await expectNothing();
});

test('released, its cable stays as long as its namespace', async () => {
  await using network = await Network.create({ name: 'mynet', netns: host });
  const sandbox = await NetworkSandbox.create(network, { name: 'web' });
  await using netns = await Netns.open({ fd: sandbox.netns.fd });
  await sandbox.release().close();
  expect((await netns.links.list()).map(({ name }) => name)).toEqual(['lo', 'eth0']);
  await network.disconnect('web');
  expect((await netns.links.list()).map(({ name }) => name)).toEqual(['lo']);
});

describe("the network 'bridge'", () => {
  test('is made once for many at a time, and goes with the last', async () => {
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(Array.from({ length: 20 }, () => onBridge({ publish: ['80'] })));
      const addresses = new Set(all.map(({ endpoint }) => endpoint?.address));
      expect(addresses.size).toBe(20);
      expect((await Network.list({ netns: host })).map(({ name }) => name)).toEqual(['bridge']);
      // The next round begins while this one ends.
      const late = onBridge();
      await Promise.all(all.map((sandbox) => sandbox.close()));
      await (await late).close();
    }
    await expectNothing();
  });

  test('of Network.create() it is used as it is, and stays', async () => {
    await using network = await Network.create({ name: 'bridge', netns: host, subnet: '10.8.0.0/24' });
    const sandbox = await onBridge();
    expect(sandbox.endpoint?.address).toBe('10.8.0.2');
    await sandbox.close();
    expect((await network.inspect()).endpoints).toEqual([]);
  });

  test('is one by several objects of the namespace', async () => {
    await using same = await Netns.open({ fd: host.fd });
    const first = await onBridge();
    const second = await NetworkSandbox.create('bridge', { netns: same });
    expect(second.endpoint?.address).toBe('172.17.0.3');
    await first.close();
    expect((await Network.list({ netns: host })).length).toBe(1);
    await second.close();
    await expectNothing();
  });

  test('that somebody removes is made again', async () => {
    const first = await onBridge();
    await using opened = await Network.open('bridge', { netns: host });
    await opened.remove({ force: true });
    await using second = await onBridge();
    expect(second.endpoint?.address).toBe('172.17.0.2');
    await first.close();
    expect((await Network.list({ netns: host })).map(({ endpoints }) => endpoints.length)).toEqual([1]);
    await second.close();
    await expectNothing();
  });
});

test('a worker that is terminated in the middle leaves nothing', async () => {
  for (let i = 0; i < scaled(5, 1); i++) {
    const worker = new Worker(program('sandbox-worker'));
    await once(worker, 'message');
    await sleep(i * 20);
    await worker.terminate();
  }
});

/** Other processes can enter it: of an ordinary user nobody else's. */
describe.skipIf(!privileged)('several processes', () => {
  const path = () => `/proc/${process.pid}/fd/${host.fd}`;
  const [file, ...args] = node as [string, ...string[]];

  async function start(name: string, story = ''): Promise<{ child: ChildProcess; address: string }> {
    const child = spawn(file, [...args, program('sandbox'), path(), name, story], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = await once(child.stdout!, 'data');
    return { child, address: String(line).trim() };
  }
  const end = async (child: ChildProcess) => {
    child.stdin?.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };

  test('have it in common; the last one removes it, whoever made it', async () => {
    const first = await start('first');
    await using here = await onBridge({ name: 'here' });
    const second = await start('second');
    expect([first.address, here.endpoint?.address, second.address]).toEqual([
      '172.17.0.2',
      '172.17.0.3',
      '172.17.0.4',
    ]);
    await end(first.child);
    await here.close();
    const [network] = await Network.list({ netns: host });
    expect(network?.endpoints.map(({ name }) => name)).toEqual(['second']);
    await end(second.child);
    await expectNothing();
  });

  test('one that is killed leaves it to the others, or to gc()', async () => {
    const { child } = await start('killed');
    await using here = await onBridge({ name: 'here' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await Network.gc({ netns: host })).networks).toEqual([]);
    await here.close();
    await Network.gc({ netns: host });
    await expectNothing();
    const alone = await start('alone');
    alone.child.kill('SIGKILL');
    await once(alone.child, 'exit');
    expect((await Network.gc({ netns: host })).networks).toEqual(['bridge']);
    await expectNothing();
  });

  test('that come and go at once do not get in one another’s way', async () => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => start(name)));
    expect(new Set(all.map(({ address }) => address)).size).toBe(4);
    await Promise.all(all.map(({ child }) => end(child)));
    await expectNothing();
  });

  test('a program ends though it has one', async () => {
    const { child } = await start('idle', 'idle');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    await Network.gc({ netns: host });
    await expectNothing();
  });
});
