// @kernels
// A published port of SCTP, where the kernel has it: by DNAT alone, as nothing relays it. Node has no SCTP; Python does.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Network, Scope } from 'nsnet';
import { expect, test } from 'vitest';
import { failure } from '../sockets/streams.js';
import { containers, expectSeen, hostOnLan, seen } from './hosts.js';

const hasSctp = readFileSync('/proc/net/protocols', 'utf8').includes('SCTP');

const SERVER = `
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
server.bind(('10.1.0.2', 8000))
server.listen(8)
print('listens', flush=True)
while True:
    client, (address, _) = server.accept()
    client.sendall(address.encode())
    client.close()
`;
const CLIENT = `
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
client.settimeout(4)
client.connect((sys.argv[1], 8080))
print(client.recv(100).decode())
`;

test.runIf(hasSctp)(
  'from the LAN with its own address, from the host, and not by loopback',
  async () => {
    await using scope = new Scope();
    const { host, lan } = await hostOnLan(scope);
    const [one] = await containers(scope, 1);
    const before = await seen(host);
    {
      await using network = await Network.create({ netns: host, name: 'mynet', subnet: '10.1.0.0/24' });
      const endpoint = await network.connect(one!, { publish: ['8080:8000/sctp'] });
      expect(endpoint.published).toEqual([{ hostPort: 8080, containerPort: 8000, protocol: 'sctp' }]);
      await using server = await one!.spawn('python3', ['-c', SERVER], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = server.exited.then((how) => Promise.reject(new Error(JSON.stringify(how))));
      ended.catch(() => {});
      await Promise.race([once(server.stdout!, 'data'), ended]);
      const asked = async (from: typeof host, address: string) =>
        (await from.run('python3', ['-c', CLIENT, address])).stdout.trim();
      expect(await asked(lan, '192.0.2.10')).toBe('192.0.2.20');
      expect(await asked(host, '192.0.2.10')).not.toBe('');
      expect(await failure(asked(host, '127.0.0.1'))).toBeDefined();
      const taken = network.connect(one!, { publish: ['8080:8000/sctp'] });
      expect(await failure(taken)).toMatchObject({ code: 'EADDRINUSE' });
      server.kill('SIGKILL');
      await server.exited;
      await endpoint.close();
    }
    await expectSeen(host, before);
  },
  120_000,
);

test.runIf(!hasSctp)('refused where the kernel has none', async () => {
  await using scope = new Scope();
  const { host } = await hostOnLan(scope);
  const [one] = await containers(scope, 1);
  await using network = await Network.create({ netns: host, name: 'mynet' });
  expect(await failure(network.connect(one!, { publish: ['8080:8000/sctp'] }))).toMatchObject({
    code: 'ERR_NSNET_UNSUPPORTED',
    hint: expect.stringContaining('modprobe sctp'),
  });
});
