import { Netns, type Scope } from 'nsnet';
import { runIn } from '../netns/support/inside.js';
import { connect } from './cable.js';

/** A host, four routers, a host; each network between them has .1 on the left and .2 on the right. */
export interface Chain {
  all: Netns[];
  left: Netns;
  right: Netns;
}

/** The address in the network with that number, counted from 1 at the left. */
export const at = (network: number, host: number) => ({
  inet: `10.${network}.0.${host}`,
  inet6: `fd0${network}::${host}`,
});

export async function chain(scope: Scope): Promise<Chain> {
  const all = await Promise.all(Array.from({ length: 6 }, () => scope.use(Netns.create())));
  await Promise.all(
    all.map(async (netns) => {
      await netns.sysctl('net.ipv4.ip_forward', true);
      await netns.sysctl('net.ipv6.conf.all.forwarding', true);
      await netns.sysctl('net.ipv4.icmp_ratemask', 0);
      await netns.sysctl('net.ipv6.icmp.ratelimit', 0);
    }),
  );
  for (let i = 0; i < 5; i++) {
    const [a, b] = [all[i] as Netns, all[i + 1] as Netns];
    await connect(a, at(i + 1, 1), b, at(i + 1, 2), ['right', 'left']);
    for (const family of ['inet', 'inet6'] as const) {
      const prefix = family === 'inet' ? 24 : 64;
      for (let far = i + 2; far <= 5; far++) {
        const destination = `${at(far, 0)[family].replace('::0', '::')}/${prefix}`;
        await a.routes.add({ destination, gateway: at(i + 1, 2)[family] });
      }
      for (let far = 1; far <= i; far++) {
        const destination = `${at(far, 0)[family].replace('::0', '::')}/${prefix}`;
        await b.routes.add({ destination, gateway: at(i + 1, 1)[family] });
      }
    }
  }
  return { all, left: all[0] as Netns, right: all[5] as Netns };
}

/** From now on it forwards, and says nothing of its own. */
export async function silence(netns: Netns): Promise<void> {
  for (const family of ['-4', '-6'])
    await runIn(netns, 'ip', family, 'rule', 'add', 'iif', 'lo', 'blackhole');
}
