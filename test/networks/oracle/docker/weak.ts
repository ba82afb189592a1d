// Docker with a mistake that it, or another implementation, once made: what the attacks must find.
import type { Netns } from 'nsnet';
import { shellIn } from '../../../netns/support/inside.js';
import type { Stage } from '../../support/stage.js';
import type { NetworkSpec } from '../side.js';
import { Docker } from './docker.js';
import type { Version } from './rules.js';

/** Before 28.0: nothing is dropped before it is translated. */
export class WithoutRaw extends Docker {
  override readonly name: string = 'Docker without raw';

  protected override text(version: Version): string {
    return super.text(version).replace(/^\*raw\n.*?^COMMIT\n/ms, '');
  }
}

/** As CNI's portmap with nftables was: what goes through the host is translated like what is for the host. */
export class ForAnyAddress extends Docker {
  override readonly name: string = 'Docker for any address';

  protected override text(version: Version): string {
    return super.text(version).replaceAll('-A PREROUTING -m addrtype --dst-type LOCAL', '-A PREROUTING');
  }
}

/**
 * As CNI's portmap was: its translation comes before everybody else's. Of base chains of one priority, the one that was
 * made last is asked first.
 */
export class First extends Docker {
  override readonly name: string = 'Docker first';

  protected override async load(host: Netns): Promise<void> {
    await super.load(host);
    const rule = 'tcp dport 8080 fib daddr type local dnat to 172.18.0.2:80';
    const chain = `chain prerouting {\n type nat hook prerouting priority dstnat\n ${rule}\n }`;
    const again = 'table ip first\ndelete table ip first';
    await shellIn(host, `nft -f - <<'END'\n${again}\ntable ip first {\n ${chain}\n}\nEND`);
  }
}

/** Before 19.03.11: the host listens to routers in containers. Before 26.0.2: containers have IPv6 unasked. */
export class WithIPv6 extends Docker {
  override readonly name: string = 'Docker with IPv6';

  override async build(stage: Stage, spec: NetworkSpec): Promise<void> {
    await super.build(stage, spec);
    await stage.host.sysctl(`net.ipv6.conf.${spec.bridge}.accept_ra`, 1);
  }

  override async connect(...args: Parameters<Docker['connect']>): ReturnType<Docker['connect']> {
    const attachment = await super.connect(...args);
    const [stage, , container] = args;
    await stage.netns(container).sysctl('net.ipv6.conf.eth0.disable_ipv6', 0);
    return attachment;
  }
}

/** With route_localnet, as kube-proxy had it, and Docker has without its userland proxy. */
export class WithRouteLocalnet extends Docker {
  override readonly name: string = 'Docker with route_localnet';

  override async build(stage: Stage, spec: NetworkSpec): Promise<void> {
    await super.build(stage, spec);
    for (const link of ['eth0', spec.bridge])
      await stage.host.sysctl(`net.ipv4.conf.${link}.route_localnet`, 1);
  }
}

/** After a firewall's reload that nobody has noticed (before 28.0, and 25.0.13). */
export class Flushed extends Docker {
  override readonly name: string = 'Docker after a reload';

  protected override async load(host: Netns): Promise<void> {
    await super.load(host);
    for (const tables of ['iptables', 'ip6tables'])
      for (const table of ['raw', 'nat', 'filter'])
        await shellIn(
          host,
          `${tables} -t ${table} -F; ${tables} -t ${table} -X; ${tables} -P FORWARD ACCEPT`,
        );
  }
}
