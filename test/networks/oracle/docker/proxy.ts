// docker-proxy's part: it takes what comes to the host's own sockets, and passes it on from the host.
import type { Socket as DatagramSocket } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import type { Netns, Scope } from 'nsnet';
import { closing, ownAddresses } from '../../support/echo.js';
import type { Binding } from './bindings.js';

const isAny = (address: string) => address === '0.0.0.0' || address === '::';

export async function proxy(scope: Scope, host: Netns, binding: Binding): Promise<void> {
  if (binding.protocol === 'tcp') return proxyTcp(scope, host, binding);
  // docker-proxy answers from the address that was asked (IP_PKTINFO), which Node cannot: a socket for each address.
  const alike = (address: string) => isIPv6(address) === isIPv6(binding.hostAddress);
  const own = isAny(binding.hostAddress) ? (await ownAddresses(host)).filter(alike) : [binding.hostAddress];
  for (const address of own) await proxyUdp(scope, host, address, binding);
}

async function proxyTcp(scope: Scope, host: Netns, binding: Binding): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, async (client) => {
    client.on('error', () => {});
    try {
      const { address, port } = binding;
      const upstream = await host.connect({ host: address, port, allowHalfOpen: true });
      upstream.on('error', () => client.destroy());
      client.on('close', () => upstream.destroy());
      client.pipe(upstream).pipe(client);
    } catch {
      client.destroy();
    }
  });
  const { hostAddress, hostPort } = binding;
  const only = isIPv6(hostAddress) && { ipv6Only: true };
  await scope.use(host.listen(server, { host: hostAddress, port: hostPort, ...only }));
}

async function proxyUdp(scope: Scope, host: Netns, own: string, binding: Binding): Promise<void> {
  const { address, port, hostPort } = binding;
  const typeOf = (to: string) => (isIPv6(to) ? 'udp6' : 'udp4');
  const front = await host.datagram(typeOf(own), {
    bind: { host: own, port: hostPort },
    ...(isIPv6(own) && { ipv6Only: true }),
  });
  await scope.use(closing(front));
  front.on('error', () => {});
  const clients = new Map<string, Promise<DatagramSocket>>();
  const upstreamOf = async (client: { address: string; port: number }) => {
    const upstream = await host.datagram(typeOf(address));
    await scope.use(closing(upstream));
    upstream.on('error', () => {});
    upstream.on('message', (message) => front.send(message, client.port, client.address, () => {}));
    return upstream;
  };
  front.on('message', async (message, client) => {
    const key = `${client.address} ${client.port}`;
    const known = clients.get(key) ?? upstreamOf(client);
    clients.set(key, known);
    (await known.catch(() => undefined))?.send(message, port, address, () => {});
  });
}
