// A link whose packets have no header of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Netns, Scope } from 'nsnet';
import { expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { rest } from './support/wire.js';

const program = fileURLToPath(new URL('programs/tun.py', import.meta.url));

/** Some systems keep it for root. */
const mayTun = (() => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!mayTun)('tun: filters, headers and the file know that there is no Ethernet', async () => {
  await using scope = new Scope();
  const netns = await scope.use(Netns.create());
  const user = privileged ? undefined : await scope.use(netns.owner());
  const enter = [
    '--net=/proc/self/fd/3',
    ...(user ? ['--user=/proc/self/fd/4', '--preserve-credentials'] : []),
  ];
  const fds = user ? [netns.fd, user.fd] : [netns.fd];
  const child = spawn('nsenter', [...enter, 'python3', program, 'tun0'], {
    stdio: ['pipe', 'pipe', 'inherit', ...fds],
  });
  const directory = await mkdtemp(join(tmpdir(), 'nsnet-raw-'));
  try {
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const file = join(directory, 'x.pcapng');
    const capture = netns.capture({
      file,
      filter: 'icmp[icmptype] = icmp-echo or (ip6 and dst host fd09::2)',
    });
    capture[Symbol.asyncIterator]();
    await capture.ready;
    const lo = netns.ping('127.0.0.1', { count: 1 });
    await lo;
    for (const host of ['10.9.0.2', 'fd09::2']) await netns.ping(host, { count: 1, timeout: 20 });
    const packets = await rest(capture);
    expect(
      packets.map(({ link, linkType, direction, layers }) => [
        link,
        linkType,
        direction,
        layers.map(({ layer }) => layer).join(),
      ]),
    ).toEqual([
      ['lo', 'ethernet', 'in', 'ethernet,ipv4,icmp'],
      ['tun0', 'raw', 'out', 'ipv4,icmp'],
      ['tun0', 'raw', 'out', 'ipv6,icmpv6'],
    ]);
    const text = await run('tshark', [
      '-n',
      '-r',
      file,
      '-T',
      'fields',
      '-e',
      'frame.interface_name',
      '-e',
      'frame.protocols',
    ]);
    expect(text.trimEnd().split('\n')).toEqual([
      'lo\teth:ethertype:ip:icmp:data',
      'tun0\traw:ip:icmp:data',
      'tun0\traw:ipv6:icmpv6:data',
    ]);
  } finally {
    child.stdin?.end();
    await once(child, 'close');
    await rm(directory, { recursive: true });
  }
});
