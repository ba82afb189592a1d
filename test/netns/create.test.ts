// @kernels
// Making, opening and closing, apart from names.
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { inspect } from 'node:util';
import { Bridge, Namespace, Netns, Veth } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { ipIn, runIn } from './support/inside.js';
import { named } from './support/named.js';
import { expectState, stateOf } from './support/state.js';
import { expectUncloneable } from './support/uncloneable.js';

const idOf = (path: string) => Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]);

describe('a new one', () => {
  test('has lo, up unless that is declined', async () => {
    await using up = await Netns.create();
    await using down = await Netns.create({ loopback: false });
    const [lo] = await ipIn(up, 'addr');
    expect(lo).toMatchObject({ ifname: 'lo', flags: expect.arrayContaining(['UP', 'LOWER_UP']) });
    expect(lo?.addr_info.map(({ local }: { local: string }) => local)).toEqual(['127.0.0.1', '::1']);
    expect(await ipIn(down, 'addr')).toMatchObject([{ ifname: 'lo', flags: ['LOOPBACK'], addr_info: [] }]);
  });

  test('is told by its number, and held by a descriptor that programs do not inherit', async () => {
    await using netns = await Netns.create();
    expect(netns).toMatchObject({
      type: 'net',
      owned: true,
      closed: false,
      name: undefined,
      path: undefined,
    });
    expect(idOf(`/proc/self/fd/${netns.fd}`)).toBe(netns.id);
    const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${netns.fd}`, 'utf8'))?.[1];
    expect(Number.parseInt(flags ?? '', 8) & 0o2000000).toBe(0o2000000);
    expect(Number(await runIn(netns, 'stat', '-Lc', '%i', '/proc/self/ns/net'))).toBe(netns.id);
  });

  test('belongs to a user namespace that is given', async () => {
    await using user = await Namespace.create('user');
    await using netns = await Netns.create({ user });
    await using owner = await netns.owner();
    expect(owner.id).toBe(user.id);
    await using bridge = await Bridge.create({ netns, name: 'br0', addresses: ['10.0.0.1/24'], up: true });
    expect((await netns.links.list()).map(({ name }) => name)).toEqual(['lo', bridge.name]);
    expect(await netns.sysctl('net.ipv4.ip_forward')).toBe('0');
  });

  test('leaves no descriptor when it was never used', async () => {
    const before = await stateOf();
    for (let i = 0; i < 10; i++) await (await Netns.create({ loopback: false })).close();
    await expectState(before, 'ten were made and closed');
  });

  test('is gone when it is closed, with the far ends of what was in it', async () => {
    await using near = await Netns.create();
    const far = await Netns.create();
    await Veth.create({ netns: near, name: 'near' }, { netns: far, name: 'far' });
    await far.close();
    await expect.poll(async () => (await near.links.list()).map(({ name }) => name)).toEqual(['lo']);
  });
});

describe('opened', () => {
  test('by descriptor, by path, or by what a process is in', async () => {
    const before = await stateOf();
    await using netns = await Netns.create();
    await using byFd = await Netns.open({ fd: netns.fd });
    await using byPath = await Netns.open({ path: `/proc/self/fd/${netns.fd}` });
    await using current = await Netns.current();
    await using own = await Netns.ofProcess(process.pid);
    await using same = await Netns.ofProcess({ pid: process.pid });
    expect([byFd.id, byPath.id]).toEqual([netns.id, netns.id]);
    expect(byFd.fd).not.toBe(netns.fd);
    const here = idOf('/proc/self/ns/net');
    expect([current.id, own.id, same.id]).toEqual([here, here, here]);
    for (const opened of [byFd, byPath, current, own, same]) {
      expect(opened.owned).toBe(false);
      await opened.close();
    }
    await netns.close();
    await expectState(before, 'all are closed');
  });

  test('is the same network: what one makes, the other sees', async () => {
    await using netns = await Netns.create();
    await using opened = await Netns.open({ fd: netns.fd });
    await using bridge = await Bridge.create({ netns, name: 'br0' });
    const found = await opened.links.get('br0');
    expect(found).toMatchObject({ index: bridge.index, owned: false });
    // A link of the other object is one of this namespace all the same.
    await opened.addresses.add({ device: bridge, address: '10.0.0.1/24' });
    expect((await netns.addresses.list({ device: found })).map(({ address }) => address)).toContain(
      '10.0.0.1/24',
    );
  });

  test('lives on in whoever holds it when the one that made it is closed', async () => {
    const netns = await Netns.create();
    await using opened = await Netns.open({ fd: netns.fd });
    await netns.close();
    expect((await opened.links.list()).map(({ name }) => name)).toEqual(['lo']);
  });

  test('a process that has ended is not found', async () => {
    const child = spawn('true');
    await new Promise((resolve) => child.on('close', resolve));
    await expect(Netns.ofProcess(child.pid as number)).rejects.toMatchObject({ code: 'ESRCH' });
  });
});

describe('closed', () => {
  test('again is no error, and everything else is', async () => {
    const netns = await Netns.create();
    await using other = await Netns.create();
    const { a } = await Veth.create({ netns, name: 'a' }, { netns: other, name: 'b' });
    await Promise.all([netns.close(), netns.close()]);
    await netns.close();
    await netns[Symbol.asyncDispose]();
    expect(netns).toMatchObject({ closed: true, fd: -1 });
    const calls: [string, () => unknown][] = [
      ['links.list', async () => await netns.links.list()],
      ['links.get', () => netns.links.get('lo')],
      ['links.describe', () => netns.links.describe()],
      ['addresses.list', async () => await netns.addresses.list()],
      ['addresses.add', () => netns.addresses.add({ device: 'lo', address: '10.0.0.1/8' })],
      ['addresses.describe', () => netns.addresses.describe()],
      ['routes.list', async () => await netns.routes.list()],
      ['routes.add', () => netns.routes.add({ destination: '10.0.0.0/8', device: 'lo' })],
      ['routes.describe', () => netns.routes.describe()],
      ['sysctl', () => netns.sysctl('net.ipv4.ip_forward')],
      ['attach', () => netns.attach(named('closed'))],
      ['delete', () => netns.delete()],
      ['owner', () => netns.owner()],
      ['Bridge.create', () => Bridge.create({ netns })],
      ['Veth.create', () => Veth.create({ netns: other }, { netns })],
      ['link.up', () => a.up()],
      ['link.set', () => a.set({ mtu: 1400 })],
      ['link.refresh', () => a.refresh()],
      ['link.delete', () => a.delete()],
    ];
    for (const [title, call] of calls) {
      const error = await Promise.resolve()
        .then(call)
        .then(() => undefined)
        .catch((reason) => reason);
      expect(error?.code, title).toBe('ERR_NSNET_CLOSED');
    }
    await a.close();
  });

  test('calls already issued settle first', async () => {
    const before = await stateOf();
    const netns = await Netns.create();
    const calls = [
      Bridge.create({ netns, name: 'br0', addresses: ['10.0.0.1/24'], up: true, alias: 'a bridge' }),
      netns.links.get('br0'),
      netns.sysctl('net.ipv4.ip_forward', true),
      netns.sysctl('net.ipv4.ip_forward'),
      netns.addresses.add({ device: 'lo', address: '10.9.9.9/32' }),
    ];
    const closed = netns.close();
    const settled = await Promise.allSettled(calls);
    await closed;
    expect(settled.map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'));
    await expectState(before, 'afterwards');
  });
});

describe('printed', () => {
  test('on one line', async () => {
    await using netns = await Netns.create();
    await using other = await Netns.create(named('print'));
    for (const text of [inspect(netns), inspect({ netns }, { compact: 3 }), String(netns), `${other}`]) {
      expect(text).not.toContain('\n');
      expect(text.length).toBeLessThan(120);
    }
    expect(inspect(netns)).toContain(String(netns.id));
    expect(inspect(other)).toContain(named('print'));
  });

  test('as JSON it is data; it does not clone', async () => {
    await using netns = await Netns.create(named('print'));
    const { id, name, path } = netns;
    expect(JSON.parse(JSON.stringify(netns))).toEqual({ type: 'net', id, name, ...(path && { path }) });
    expect(structuredClone(netns.toJSON())).toEqual({ type: 'net', id, name, path });
    await using unnamed = await Netns.create();
    expectUncloneable(unnamed);
  });
});
