import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Netns } from 'nsnet';
import { privileged } from '../support/privileges.js';
import { type Inside, runInside } from '../support/witness.js';

/** What a program of this machine prints that runs inside. */
export async function inside(netns: Netns, file: string, ...args: string[]): Promise<string> {
  if (privileged) return runInside({ netnsFd: netns.fd }, file, ...args);
  const owner = await netns.owner();
  const where: Inside = { netnsFd: netns.fd, userFd: owner.fd };
  try {
    return await runInside(where, file, ...args);
  } finally {
    await owner.close();
  }
}

/** Has the namespace track what it sends and receives, and count it. */
export async function track(netns: Netns): Promise<Netns> {
  const rules = 'table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }';
  await inside(netns, 'nft', rules);
  await netns.sysctl('net.netfilter.nf_conntrack_acct', 1);
  return netns;
}

/** `conntrack -L`, its lines in order. */
export async function witness(netns: Netns, ...args: string[]): Promise<string[]> {
  return sorted(await inside(netns, 'conntrack', '-L', ...args));
}

export const sorted = (text: string): string[] => text.trim().split('\n').filter(Boolean).sort();

/** Without what goes on counting. */
export const steady = (line: string): string => line.replace(/^(\S+ +\d+) \d+/, '$1 …');

/** A datagram from a free port of an address to another, which need not arrive. Gives the port. */
export async function say(netns: Netns, address: string, port: number, answered = false): Promise<number> {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const client = await netns.datagram(type);
  let server: Socket | undefined;
  try {
    if (answered) {
      server = await netns.datagram(type, { bind: { host: address, port } });
      const to = server;
      to.on('message', (bytes, from) => to.send(bytes, from.port, from.address));
    }
    const back = answered ? once(client, 'message') : undefined;
    await new Promise<void>((resolve, reject) =>
      client.send('x', port, address, (error) => (error ? reject(error) : resolve())),
    );
    await back;
    return client.address().port;
  } finally {
    client.close();
    server?.close();
  }
}
