// The rules that Docker Engine 29 programs with iptables, case by case, as text for iptables-restore. Order is Docker's:
// what it inserts goes to the head of a chain, what it appends to the end.
import type { NetworkSpec } from '../side.js';
import type { Binding } from './bindings.js';

export type Version = 4 | 6;

type Table = 'raw' | 'nat' | 'filter';

const CHAINS: Readonly<Record<Table, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING', 'DOCKER'],
  filter: [
    'INPUT',
    'FORWARD',
    'OUTPUT',
    'DOCKER',
    'DOCKER-BRIDGE',
    'DOCKER-CT',
    'DOCKER-FORWARD',
    'DOCKER-INTERNAL',
    'DOCKER-USER',
  ],
};

/** All of Docker's rules of one IP version. */
export class Rules {
  readonly #version: Version;
  readonly #rules = new Map<string, string[]>();
  readonly #loaded = new Set<string>();
  #networks = 0;

  /** What the daemon sets up when it starts, with the userland proxy (which is the default). */
  constructor(version: Version) {
    this.#version = version;
    const loopback = version === 4 ? '127.0.0.0/8' : '::1/128';
    this.#append('nat', 'PREROUTING', '-m addrtype --dst-type LOCAL -j DOCKER');
    this.#append('nat', 'OUTPUT', `! -d ${loopback} -m addrtype --dst-type LOCAL -j DOCKER`);
    this.#append('filter', 'FORWARD', '-j DOCKER-USER');
    this.#append('filter', 'FORWARD', '-j DOCKER-FORWARD');
    for (const chain of ['DOCKER-CT', 'DOCKER-INTERNAL', 'DOCKER-BRIDGE'])
      this.#append('filter', 'DOCKER-FORWARD', `-j ${chain}`);
  }

  /** `docker network create`. */
  network(spec: NetworkSpec): void {
    const subnet = this.#version === 4 ? spec.subnet : spec.subnet6;
    if (subnet === undefined) return;
    this.#networks++;
    if (spec.internal) this.#internal(spec, subnet);
    else this.#external(spec, subnet);
  }

  #internal({ bridge, icc = true }: NetworkSpec, subnet: string): void {
    // Of IPv6 what stays in the bridge is left alone, for the sake of link-local and multicast addresses.
    const [into, out] = this.#version === 4 ? ['', ''] : [` ! -o ${bridge}`, `! -i ${bridge} `];
    this.#insert('filter', 'DOCKER-INTERNAL', `-i ${bridge}${into} ! -d ${subnet} -j DROP`);
    this.#insert('filter', 'DOCKER-INTERNAL', `${out}-o ${bridge} ! -s ${subnet} -j DROP`);
    this.#append('filter', 'DOCKER-FORWARD', `-i ${bridge} -o ${bridge} -j ${icc ? 'ACCEPT' : 'DROP'}`);
  }

  #external(spec: NetworkSpec, subnet: string): void {
    const { bridge, icc = true, masquerade = true, gatewayMode = 'nat' } = spec;
    const routed = gatewayMode === 'routed';
    if (masquerade && !routed)
      this.#insert('nat', 'POSTROUTING', `-s ${subnet} ! -o ${bridge} -j MASQUERADE`);
    if (!icc) this.#append('filter', 'DOCKER-FORWARD', `-i ${bridge} -o ${bridge} -j DROP`);
    if (routed)
      this.#append(
        'filter',
        'DOCKER',
        `-o ${bridge} -p ${this.#version === 4 ? 'icmp' : 'icmpv6'} -j ACCEPT`,
      );
    this.#append('filter', 'DOCKER-FORWARD', `-i ${bridge}${icc ? '' : ` ! -o ${bridge}`} -j ACCEPT`);
    const last = gatewayMode === 'nat-unprotected' ? 'ACCEPT' : 'DROP';
    this.#append('filter', 'DOCKER', `! -i ${bridge} -o ${bridge} -j ${last}`);
    this.#append('filter', 'DOCKER-CT', `-o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`);
    this.#append('filter', 'DOCKER-BRIDGE', `-o ${bridge} -j DOCKER`);
  }

  /** What keeps others than the bridge's own containers from sending to a container's address. */
  endpoint({ internal, bridge, gatewayMode = 'nat' }: NetworkSpec, address: string): void {
    if (internal || gatewayMode !== 'nat') return;
    this.#append('raw', 'PREROUTING', `-d ${address} ! -i ${bridge} -j DROP`);
  }

  /** One published port, of host and container addresses of this version. */
  port({ bridge, gatewayMode = 'nat' }: NetworkSpec, binding: Binding): void {
    const { protocol, hostAddress, hostPort, address, port } = binding;
    if (gatewayMode !== 'routed') {
      const host = /^(0\.0\.0\.0|::)$/.test(hostAddress) ? '' : `-d ${hostAddress} `;
      const notLinkLocal = this.#version === 6 ? '! -s fe80::/10 ' : '';
      const to = this.#version === 6 ? `[${address}]:${port}` : `${address}:${port}`;
      this.#append(
        'nat',
        'DOCKER',
        `${notLinkLocal}${host}! -i ${bridge} -p ${protocol} --dport ${hostPort} -j DNAT --to-destination ${to}`,
      );
    }
    if (gatewayMode === 'nat-unprotected') return;
    this.#insert(
      'filter',
      'DOCKER',
      `-d ${address} ! -i ${bridge} -o ${bridge} -p ${protocol} --dport ${port} -j ACCEPT`,
    );
  }

  /** A port that is published on an address of 127.0.0.0/8 is for nobody else. */
  loopbackPort({ protocol, hostAddress, hostPort }: Binding): void {
    this.#append('raw', 'PREROUTING', `-d ${hostAddress} ! -i lo -p ${protocol} --dport ${hostPort} -j DROP`);
  }

  /**
   * For `iptables-restore --noflush`: Docker's own chains whole, and of the others, which may have rules of somebody else,
   * what is new since the last time. FORWARD's policy is DROP, as on a host that was no router before Docker made it one
   * for a network.
   */
  changes(): string {
    const lines = (['raw', 'nat', 'filter'] as const).flatMap((table) => [
      `*${table}`,
      ...CHAINS[table].map((chain) => `:${chain} ${this.#policy(table, chain)} [0:0]`),
      ...CHAINS[table].flatMap((chain) =>
        this.#of(table, chain)
          .filter((rule) => this.#isNew(table, chain, rule))
          .map((rule) => `-A ${chain} ${rule}`),
      ),
      'COMMIT',
    ]);
    return `${lines.join('\n')}\n`;
  }

  #isNew(table: Table, chain: string, rule: string): boolean {
    const line = `${table} ${chain} ${rule}`;
    const known = !isOwn(chain) && this.#loaded.has(line);
    this.#loaded.add(line);
    return !known;
  }

  #policy(table: Table, chain: string): string {
    if (isOwn(chain)) return '-';
    return table === 'filter' && chain === 'FORWARD' && this.#networks > 0 ? 'DROP' : 'ACCEPT';
  }

  #of(table: Table, chain: string): string[] {
    const rules = this.#rules.get(`${table} ${chain}`) ?? [];
    this.#rules.set(`${table} ${chain}`, rules);
    return rules;
  }

  #append(table: Table, chain: string, rule: string): void {
    this.#of(table, chain).push(rule);
  }

  #insert(table: Table, chain: string, rule: string): void {
    this.#of(table, chain).unshift(rule);
  }
}

const isOwn = (chain: string) => chain.startsWith('DOCKER');
