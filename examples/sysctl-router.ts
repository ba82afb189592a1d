// Two networks and a router between them: it forwards once its sysctl says so, and each hop takes one from the TTL.
import { Netns, Veth } from 'nsnet';

await using left = await Netns.create();
await using router = await Netns.create();
await using right = await Netns.create();

await Veth.create(
  { netns: left, name: 'eth0', addresses: ['10.1.0.2/24'], up: true },
  { netns: router, name: 'left', addresses: ['10.1.0.1/24'], up: true },
);
await Veth.create(
  { netns: right, name: 'eth0', addresses: ['10.2.0.2/24'], up: true },
  { netns: router, name: 'right', addresses: ['10.2.0.1/24'], up: true },
);
await left.routes.add({ destination: 'default', gateway: '10.1.0.1' });
await right.routes.add({ destination: 'default', gateway: '10.2.0.1' });
await router.sysctl('net.ipv4.ip_forward', false);

async function ping(title: string, options: { ttl?: number } = {}): Promise<void> {
  for await (const echo of left.ping('10.2.0.2', { count: 1, ...options })) {
    if (echo.type === 'reply') console.log(`${title}: reply from ${echo.from}, ttl ${echo.ttl}`);
    else console.log(`${title}: ${echo.type}${'from' in echo ? `, says ${echo.from}` : ''}`);
  }
}

await ping('not forwarding');
await router.sysctl('net.ipv4.ip_forward', true);
await ping('forwarding');
await ping('with a TTL of 1', { ttl: 1 });
