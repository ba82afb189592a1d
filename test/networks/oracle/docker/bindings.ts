// What `-p` comes to in Docker: one binding for each address of the host and of the container.
import { isIPv6 } from 'node:net';
import type { Attachment } from '../side.js';

export interface Binding {
  protocol: 'tcp' | 'udp';
  hostAddress: string;
  hostPort: number;
  /** Of the container. */
  address: string;
  port: number;
}

/**
 * Without an address of the host it is all of both families; IPv6 of the host goes to IPv4 of a container that has no
 * other, which is the userland proxy's work.
 */
export function bindingsOf(publish: string, { address, address6 }: Attachment): Binding[] {
  const [, bracketed, plain, hostPort, port, protocol = 'tcp'] =
    /^(?:(?:\[([^\]]+)\]|([\d.]+)):)?(\d+):(\d+)(?:\/(tcp|udp))?$/.exec(publish) ?? [];
  if (hostPort === undefined || port === undefined) throw new Error(`not understood: ${publish}`);
  const given = bracketed ?? plain;
  return (given === undefined ? ['0.0.0.0', '::'] : [given]).map((hostAddress) => ({
    protocol: protocol as 'tcp' | 'udp',
    hostAddress,
    hostPort: Number(hostPort),
    address: isIPv6(hostAddress) ? (address6 ?? address) : address,
    port: Number(port),
  }));
}
