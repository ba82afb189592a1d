import assert from 'node:assert/strict';
import { Namespace, Netns, Scope } from 'nsnet';
import { close, namespaceFacts, socket, unshare } from 'nsnet/syscalls';

const privileged = process.getuid() === 0;
const AF_INET = 2;
const SOCK_STREAM = 1;

export const rows = {
  '`Netns`: create, open, list, attach, close': async () => {
    const name = `runtimes-${process.pid}`;
    const netns = await Netns.create(name);
    const opened = await Netns.open(name);
    assert.equal(opened.id, netns.id);
    assert.ok((await Netns.list()).some((one) => one.name === name));
    assert.equal(netns.path, privileged ? `/run/netns/${name}` : undefined);
    await opened.close();
    await netns.attach(`${name}-2`);
    await netns.close();
    assert.ok((await Netns.list()).every((one) => !one.name?.startsWith(name)));
    assert.equal(typeof netns[Symbol.asyncDispose], 'function');
  },
  '`Namespace`: of every type, of processes': async () => {
    const scope = new Scope();
    // An ordinary user makes the others inside of one.
    for (const type of privileged ? ['net', 'mnt', 'uts', 'ipc', 'user', 'cgroup'] : ['user']) {
      const made = await scope.use(Namespace.create(type));
      const here = await scope.use(Namespace.current(type));
      assert.equal(made.type, type);
      assert.notEqual(made.id, here.id);
      const again = await scope.use(Namespace.ofProcess(process.pid, type));
      assert.equal(again.id, here.id);
    }
    await scope[Symbol.asyncDispose]();
  },
  sysctls: async () => {
    const netns = await Netns.create();
    await netns.sysctl('net.ipv4.ip_forward', 1);
    assert.equal(await netns.sysctl('net/ipv4/ip_forward'), '1');
    await netns.close();
  },
  '`nsnet/syscalls`: sockets inside, `close()`': async () => {
    const inside = await unshare(privileged ? ['net'] : ['user', 'net']);
    const fd = await socket(AF_INET, SOCK_STREAM, 0, { inside });
    assert.equal(namespaceFacts(inside.net).type, 'net');
    for (const each of [fd, ...Object.values(inside)]) await close(each);
    await assert.rejects(close(fd), { code: 'EBADF' });
  },
};
