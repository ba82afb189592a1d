// Hosts on one wire, as namespaces: host n has 192.0.2.n and fd00:2::n on eth0.
import { Bridge, Netns, Veth } from 'nsnet';

export interface Hosts extends AsyncDisposable {
  hosts: Netns[];
}

export async function hostsOnWire(count: number): Promise<Hosts> {
  const wire = await Netns.create();
  // Without snooping: groups are flooded, whether or not anybody was heard to join.
  const bridge = await Bridge.create({ netns: wire, name: 'wire', up: true, multicastSnooping: false });
  const hosts = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const host = await Netns.create();
      await host.sysctl('net.ipv6.conf.default.accept_dad', 0);
      await Veth.create(
        { netns: wire, master: bridge, up: true },
        {
          netns: host,
          name: 'eth0',
          addresses: [`192.0.2.${i + 1}/24`, { address: `fd00:2::${i + 1}/64`, dad: false }],
          up: true,
        },
      );
      return host;
    }),
  );
  return {
    hosts,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([wire, ...hosts].map((netns) => netns.close()));
    },
  };
}
