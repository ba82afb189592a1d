// Docker's networks without Docker: its links and addresses by this library, its rules by the real iptables-restore,
// its sysctls, and docker-proxy's part.
import { isIPv6 } from 'node:net';
import { Bridge, type Netns, Scope, Veth } from 'nsnet';
import { shellIn } from '../../../netns/support/inside.js';
import type { Stage } from '../../support/stage.js';
import type { Attachment, NetworkSpec, Side } from '../side.js';
import { bindingsOf } from './bindings.js';
import { proxy } from './proxy.js';
import { Rules, type Version } from './rules.js';

interface Built {
  spec: NetworkSpec;
  bridge: Bridge;
  /** Containers that it has. */
  members: number;
}

export class Docker implements Side {
  readonly name: string = 'Docker';
  readonly #scope = new Scope();
  readonly #networks = new Map<string, Built>();
  readonly #rules = { 4: new Rules(4), 6: new Rules(6) } as const;

  async build({ host }: Stage, spec: NetworkSpec): Promise<void> {
    const addresses = [
      `${spec.gateway}/${prefixOf(spec.subnet)}`,
      ...(spec.gateway6 === undefined ? [] : [`${spec.gateway6}/${prefixOf(spec.subnet6)}`]),
    ];
    const bridge = await this.#scope.use(
      Bridge.create({ netns: host, name: spec.bridge, ...(!spec.isolated && { addresses }) }),
    );
    await host.sysctl(`net.ipv6.conf.${spec.bridge}.accept_ra`, 0);
    await bridge.up();
    await host.sysctl('net.ipv4.ip_forward', 1);
    if (spec.subnet6 !== undefined)
      for (const which of ['default', 'all']) await host.sysctl(`net.ipv6.conf.${which}.forwarding`, 1);
    // Docker needs it for icc=false alone, where it also sees to it.
    if (spec.icc === false) await host.sysctl('net.bridge.bridge-nf-call-iptables', 1);
    this.#networks.set(spec.name, { spec, bridge, members: 0 });
    for (const rules of Object.values(this.#rules)) rules.network(spec);
    await this.load(host);
  }

  async connect(
    stage: Stage,
    network: string,
    container: string,
    { publish = [] }: { publish?: string[] } = {},
  ): Promise<Attachment> {
    const built = this.#networks.get(network);
    if (built === undefined) throw new Error(`no network '${network}'`);
    const { spec } = built;
    const attachment = await this.#plug(stage, built, stage.netns(container));
    this.#rules[4].endpoint(spec, attachment.address);
    if (attachment.address6 !== undefined) this.#rules[6].endpoint(spec, attachment.address6);
    for (const text of spec.internal ? [] : publish) await this.#publish(stage, spec, text, attachment);
    await this.load(stage.host);
    return attachment;
  }

  async #plug({ host }: Stage, built: Built, inner: Netns): Promise<Attachment> {
    const { spec, bridge } = built;
    const number = ++built.members + 1;
    const address = spec.gateway.replace(/\.1$/, `.${number}`);
    const address6 = spec.gateway6?.replace(/::1$/, `::${number.toString(16)}`);
    await inner.sysctl('net.ipv6.conf.default.disable_ipv6', address6 === undefined ? 1 : 0);
    const pair = await Veth.create(
      { netns: host, name: `${spec.bridge.slice(0, 8)}v${number}`, up: true, master: bridge },
      {
        netns: inner,
        name: 'eth0',
        up: true,
        addresses: [
          `${address}/${prefixOf(spec.subnet)}`,
          ...(address6 === undefined ? [] : [`${address6}/${prefixOf(spec.subnet6)}`]),
        ],
      },
    );
    await this.#scope.use(pair);
    await pair.b.ready();
    // Containers of internal networks have no default route.
    if (!spec.internal) {
      await inner.routes.add({ destination: 'default', gateway: spec.gateway });
      if (spec.gateway6 !== undefined)
        await inner.routes.add({ destination: 'default', gateway: spec.gateway6 });
    }
    return { address, ...(address6 !== undefined && { address6 }) };
  }

  async #publish(stage: Stage, spec: NetworkSpec, text: string, attachment: Attachment): Promise<void> {
    for (const binding of bindingsOf(text, attachment)) {
      const version: Version = isIPv6(binding.hostAddress) ? 6 : 4;
      const proxied = isIPv6(binding.address) !== isIPv6(binding.hostAddress);
      const routed = spec.gatewayMode === 'routed';
      if (binding.hostAddress.startsWith('127.') && !routed) this.#rules[4].loopbackPort(binding);
      if (!proxied) this.#rules[version].port(spec, binding);
      if (!routed) await proxy(this.#scope, stage.host, binding);
    }
  }

  /** Loads what has changed. */
  protected async load(host: Netns): Promise<void> {
    await shellIn(host, `iptables-restore --noflush <<'END'\n${this.text(4)}END`);
    await shellIn(host, `ip6tables-restore --noflush <<'END'\n${this.text(6)}END`);
  }

  protected text(version: Version): string {
    return this.#rules[version].changes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

const prefixOf = (subnet: string | undefined) => subnet?.replace(/^.*\//, '') ?? '';
