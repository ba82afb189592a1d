// The four modes of a container's network, by programs that spawn() starts. A host, a LAN and the internet are namespaces.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { Network, NetworkSandbox, type Process, run, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, HOST, INTERNET, LAN, reach, type Site, serverIn, siteIn } from './support/site.js';

const scope = new Scope();
let site: Site;

beforeAll(async () => {
  site = await siteIn(scope);
});
afterAll(() => scope[Symbol.asyncDispose]());

/** The line of `ip -br` for each device. */
async function devicesOf({ namespaces }: NetworkSandbox): Promise<string[]> {
  const { stdout } = await run('ip', ['-4', '-br', 'address'], { namespaces });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/@\S+/, '').replace(/\s+/g, ' ').trim());
}

describe('none', () => {
  test('has a namespace of its own with nothing but lo', async () => {
    await using sandbox = await NetworkSandbox.create('none');
    expect(await devicesOf(sandbox)).toEqual(['lo UNKNOWN 127.0.0.1/8']);
    expect(sandbox.endpoint).toBeUndefined();
    const routes = await run('ip', ['route'], { namespaces: sandbox.namespaces });
    expect(routes.stdout).toBe('');
    await using server = await serverIn(sandbox, 'alone', [80]);
    expect(await ask(sandbox.netns, 'http://127.0.0.1/')).toMatchObject({ name: 'alone' });
    expect(await reach(sandbox.netns, INTERNET)).toBe('ENETUNREACH');
    expect(server.pid).toBeGreaterThan(0);
  });
});

describe('host', () => {
  test('is in the host’s namespace: its ports are the host’s', async () => {
    await using sandbox = await NetworkSandbox.create('host', { netns: site.host });
    expect(sandbox.netns).toBe(site.host);
    await using server = await serverIn(sandbox, 'on-the-host', [8080]);
    const answer = await ask(site.lan, `http://${HOST.lan}:8080/`);
    expect(answer).toEqual({ name: 'on-the-host', hostname: 'on-the-host', from: LAN });
    expect(readlinkSync(`/proc/${server.pid}/ns/net`)).toBe(`net:[${site.host.id}]`);
  });

  test('refuses to publish ports', async () => {
    const made = NetworkSandbox.create('host', { netns: site.host, publish: ['8888:80'] });
    await expect(made).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(
          "no ports with mode 'host', in which the ports of a program are the host's",
        ),
      }),
    );
  });

  test('without a netns it is this process’s own', async () => {
    await using sandbox = await NetworkSandbox.create('host');
    const { stdout } = await run('readlink', ['/proc/self/ns/net'], { namespaces: sandbox.namespaces });
    expect(stdout.trim()).toBe(readlinkSync('/proc/self/ns/net'));
  });
});

describe('container', () => {
  test('shares the network of another; files, processes, hostname stay apart', async () => {
    await using first = await NetworkSandbox.create('bridge', { netns: site.host, name: 'web' });
    await using web = await serverIn(first, 'web', [80]);
    await using second = await NetworkSandbox.create(`container:${web.pid}`);
    expect(second.netns.id).toBe(first.netns.id);
    expect(second.mode).toBe(`container:${web.pid}`);
    expect(await devicesOf(second)).toEqual(await devicesOf(first));
    await using sidecar = await serverIn(second, 'sidecar', [9000], { namespaces: {} });
    // Each reaches the other at localhost, and others reach both at one address.
    expect(await ask(first.netns, 'http://127.0.0.1:9000/')).toMatchObject({ hostname: 'sidecar' });
    const address = first.endpoint?.address;
    expect(await ask(site.host, `http://${address}/`)).toMatchObject({ hostname: 'web' });
    expect(await ask(site.host, `http://${address}:9000/`)).toMatchObject({ hostname: 'sidecar' });
    const namespace = ({ pid }: Process, type: string) => readlinkSync(`/proc/${pid}/ns/${type}`);
    expect(namespace(sidecar, 'net')).toBe(namespace(web, 'net'));
    for (const type of ['mnt', 'uts']) expect(namespace(sidecar, type)).not.toBe(namespace(web, type));
    const script = 'echo $$; ls /proc | grep -c "^[0-9]*$"; hostname';
    const apart = { ...second.namespaces, pid: 'new', mnt: 'new', uts: 'new' } as const;
    const { stdout } = await run('sh', ['-c', script], { namespaces: apart, hostname: 'third' });
    expect(stdout).toMatch(/^1\n[1-5]\nthird\n$/);
    expect(hostname()).not.toBe('third');
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()).toBe(hostname());
  });

  test('by a Process, and it outlives the sandbox of the one that it shares with', async () => {
    const first = await NetworkSandbox.create('none');
    await using program = await serverIn(first, 'first', [80]);
    await using second = await NetworkSandbox.create(program);
    await first.close();
    expect(await ask(second.netns, 'http://127.0.0.1/')).toMatchObject({ name: 'first' });
  });

  test('refuses to publish ports, names that are no pids, and pids of nobody', async () => {
    const options = { publish: ['8888:80'] };
    await expect(NetworkSandbox.create(`container:${process.pid}`, options)).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining("no ports with mode 'container'"),
      }),
    );
    await expect(NetworkSandbox.create('container:web')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(NetworkSandbox.create('container:2147483646')).rejects.toMatchObject({ code: 'ESRCH' });
  });
});

describe('bridge', () => {
  let containers: NetworkSandbox[];

  beforeAll(async () => {
    containers = [];
    for (const [name, port, publish] of [
      ['one', 80, []],
      ['two', 8888, ['8888:8888']],
      ['three', 8080, ['8081:8080']],
    ] as [string, number, string[]][]) {
      const sandbox = await scope.use(NetworkSandbox.create('bridge', { netns: site.host, name, publish }));
      await scope.use(serverIn(sandbox, name, [port]));
      containers.push(sandbox);
    }
  });

  test('a bridge at 172.17.0.1/16, addresses from .2 up, the bridge as default gateway', async () => {
    const [network, ...more] = await Network.list({ netns: site.host });
    expect(more).toEqual([]);
    expect(network).toMatchObject({ name: 'bridge', subnet: '172.17.0.0/16', gateway: '172.17.0.1' });
    expect(containers.map(({ endpoint }) => endpoint?.address)).toEqual([
      '172.17.0.2',
      '172.17.0.3',
      '172.17.0.4',
    ]);
    const addresses = await site.host.addresses.list({ device: network?.device });
    expect(addresses.map(({ address }) => address)).toEqual(['172.17.0.1/16']);
    for (const { namespaces } of containers) {
      const { stdout } = await run('ip', ['route', 'show', 'default'], { namespaces });
      expect(stdout.trim()).toBe('default via 172.17.0.1 dev eth0');
    }
    // One pair of veth for each, one end on the bridge.
    const bridge = await site.host.links.get(network?.device as string);
    const ports = await site.host.links.list({ kind: 'veth', master: bridge });
    expect(ports.map(({ name }) => name).sort()).toEqual(
      containers.map(({ endpoint }) => endpoint?.hostLink.name).sort(),
    );
    for (const sandbox of containers) {
      expect(await devicesOf(sandbox)).toEqual([
        'lo UNKNOWN 127.0.0.1/8',
        `eth0 UP ${sandbox.endpoint?.address}/16`,
      ]);
    }
  });

  test('they reach one another by address and by name', async () => {
    const ports = { one: 80, two: 8888, three: 8080 };
    for (const { netns, endpoint } of containers) {
      for (const [name, port] of Object.entries(ports)) {
        const { address } = containers.find((other) => other.endpoint?.name === name)?.endpoint ?? {};
        const answers = await Promise.all(
          [address, name, `${name}.bridge`].map((host) => ask(netns, `http://${host}:${port}/`)),
        );
        for (const answer of answers)
          expect(answer).toMatchObject({ name, hostname: name, from: endpoint?.address });
      }
    }
  });

  test('a program finds names by its resolv.conf', async () => {
    const { stdout } = await containers[0]!.netns.run('getent', ['hosts', 'two']);
    expect(stdout).toMatch(/^172\.17\.0\.3\s+two\b/);
  });

  test('the outside sees the host’s address', async () => {
    for (const { netns } of containers) {
      expect(await (await netns.fetch(`http://${INTERNET}/`)).text()).toBe(HOST.internet);
    }
  });

  test('-p 8888:8888 and -p 8081:8080', async () => {
    expect(await ask(site.lan, `http://${HOST.lan}:8888/`)).toMatchObject({ name: 'two', from: LAN });
    expect(await ask(site.lan, `http://${HOST.lan}:8081/`)).toMatchObject({ name: 'three', from: LAN });
    expect(await ask(site.internet, `http://${HOST.internet}:8888/`)).toMatchObject({
      name: 'two',
      from: INTERNET,
    });
    expect(await ask(site.host, 'http://localhost:8081/')).toMatchObject({ name: 'three' });
    expect(await ask(containers[0]!.netns, 'http://172.17.0.1:8888/')).toMatchObject({ name: 'two' });
    // What is not published is not reached.
    expect(await reach(site.lan, HOST.lan, 80)).toBe('ECONNREFUSED');
    await site.lan.routes.add({ destination: '172.17.0.0/16', gateway: HOST.lan });
    expect(await reach(site.lan, '172.17.0.2', 80)).toBe('no answer');
    expect(await reach(site.lan, '172.17.0.3', 8888)).toBe('no answer');
  });

  test('two networks do not reach one another', async () => {
    await using network = await Network.create({ name: 'other', netns: site.host });
    expect(network.subnet).toBe('172.18.0.0/16');
    await using other = await NetworkSandbox.create(network, { name: 'four' });
    await using _server = await serverIn(other, 'four', [80]);
    expect(await reach(other.netns, '172.17.0.2', 80)).toBe('no answer');
    expect(await reach(containers[0]!.netns, other.endpoint!.address, 80)).toBe('no answer');
    await expect(containers[0]!.netns.fetch('http://four/')).rejects.toMatchObject({
      cause: { code: /ENOTFOUND|EAI_AGAIN/ },
    });
    // By a published port they do, as everybody.
    expect(await ask(other.netns, `http://${HOST.lan}:8888/`)).toMatchObject({ name: 'two' });
  });
});
