// @kernels
// The host's network in the hands of an ordinary user: it can be read, and what is refused says why.
import { release } from 'node:os';
import { Bridge, Namespace, Netns, Network, NetworkSandbox, NsnetError, Veth } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { expectState, stateOf } from './support/state.js';

const CHECKED = 'a cable from a namespace of its own';

describe.skipIf(privileged)('without capabilities', () => {
  test('this process’s own network can be read', async () => {
    await using current = await Netns.current();
    expect((await current.links.get('lo')).index).toBe(1);
    expect((await current.links.list()).length).toBeGreaterThan(0);
    expect(await current.links.describe()).toContain('lo');
    await current.addresses.list();
    await current.routes.list();
    expect(await current.sysctl('net.ipv4.ip_forward')).toMatch(/^[01]$/);
  });

  const refused: [string, (current: Netns) => Promise<unknown>][] = [
    ['a bridge', (netns) => Bridge.create({ netns, name: 'nst-no' })],
    ['a cable', (netns) => Veth.create({ netns, name: 'nst-a' }, { netns, name: 'nst-b' })],
    [
      CHECKED,
      async (netns) => {
        await using own = await Netns.create();
        await Veth.create({ netns: own, name: 'nst-a' }, { netns, name: 'nst-b' });
      },
    ],
    ['a change of a link', async (netns) => (await netns.links.get('lo')).set({ mtu: 1400 })],
    ['setting a link down', async (netns) => (await netns.links.get('lo')).down()],
    ['removing a link', async (netns) => (await netns.links.get('lo')).delete()],
    ['an address', (netns) => netns.addresses.add({ device: 'lo', address: '10.99.99.1/32' })],
    ['removing an address', (netns) => netns.addresses.delete({ device: 'lo', address: '127.0.0.1/8' })],
    ['a route', (netns) => netns.routes.add({ destination: '10.99.99.0/24', device: 'lo' })],
    ['removing a route', (netns) => netns.routes.delete({ destination: '10.99.99.0/24' })],
    ['a sysctl', (netns) => netns.sysctl('net.ipv4.ip_forward', false)],
    ['a network of containers', (netns) => Network.create({ netns, name: 'nst-no' })],
    ['one with a router', (netns) => Network.create({ netns, name: 'nst-no', router: true })],
    ['a new namespace without the user namespace', () => Namespace.create('net')],
  ];

  // The kernel asks for capabilities in the far end's namespace since 6.13 or so; before, the cable is simply made.
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const asks = major > 6 || (major === 6 && minor >= 13);

  test.runIf(!asks)(`${CHECKED} is made by this kernel, and goes with that`, async () => {
    await using current = await Netns.current();
    const before = await stateOf(current);
    const own = await Netns.create();
    const { b } = await Veth.create({ netns: own, name: 'nst-a' }, { netns: current, name: 'nst-b' });
    expect((await current.links.get('nst-b')).index).toBe(b.index);
    await own.close();
    await expectState(before, 'afterwards', current);
  });

  test.each(refused.filter(([title]) => asks || title !== CHECKED))(
    '%s is refused, with what it would need',
    async (_title, work) => {
      await using current = await Netns.current();
      const before = await stateOf(current);
      const error = await work(current).then(
        () => undefined,
        (reason) => reason,
      );
      expect(error).toBeInstanceOf(NsnetError);
      expect(error.code).toMatch(/^E(PERM|ACCES)$/);
      expect(error.message).toContain(error.hint);
      expect(error.hint).toMatch(/CAP_|may be changed only by/);
      await expectState(before, 'afterwards', current);
    },
  );

  test('a network that is refused says whose, and what else to do', async () => {
    const words = (error: Error) => error.message;
    const [network, sandbox] = await Promise.all([
      Network.create({ name: 'nst-no' }).catch(words),
      NetworkSandbox.create('bridge').catch(words),
    ]);
    expect(network).toMatch(/^EPERM: .* \(network 'nst-no' in this process's netns\)\. .*run it as root, or/);
    expect(sandbox).toMatch(/^EPERM: .* \(network 'bridge' in this process's netns\)\. .*run it as root, or/);
  });

  test('the packet filter may not be read', async () => {
    await using current = await Netns.current();
    for (const asked of [current.nftables.list(), Network.gc()]) {
      const error = await asked.catch((reason) => reason);
      expect(error).toMatchObject({ code: 'EPERM', subject: "the ruleset in this process's netns" });
      expect(error.hint).toContain('CAP_NET_ADMIN');
    }
  });

  test('another’s process may not be looked into', async () => {
    const error = await Netns.ofProcess(1).catch((reason) => reason);
    expect(error).toBeInstanceOf(NsnetError);
    expect(error).toMatchObject({ subject: 'process 1', code: expect.stringMatching(/^E(PERM|ACCES)$/) });
  });
});

test('the error is shaped like Node’s own', async () => {
  await using netns = await Netns.create();
  const error = await netns.links.get('nothing').catch((reason) => reason);
  expect(error).toBeInstanceOf(NsnetError);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'NsnetError', code: 'ENODEV', errno: -19, syscall: 'RTM_GETLINK' });
  expect(error.message).toMatch(/^ENODEV: /);
  expect(error.message).toContain("link 'nothing' in an unnamed netns");
});
