// Another host of the same addresses, in this program's own namespace: what reaches it has left by the wrong door.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { node, run } from '../support/witness.js';

test('ping, traceroute, raw and packet sockets stay inside', async () => {
  const program = fileURLToPath(new URL('programs/decoy.mjs', import.meta.url));
  const own = privileged ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const start = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...node, program];
  expect(JSON.parse(await run('unshare', [...own, ...start]))).toEqual({
    'ping inet': 2,
    'ping inet6': 2,
    'traceroute inet': 1,
    'traceroute inet6': 1,
    'raw inet': '192.168.7.1',
    'raw inet6': 'fd07::1',
    name: 1,
    packet: 'broadcast',
    closed: 'ERR_NSNET_CLOSED',
    heard: 0,
    control: true,
  });
});
