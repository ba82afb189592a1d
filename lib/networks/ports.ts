import { Changes } from '../firewall/changes.js';
import { nft } from '../firewall/nft.js';
import type { NftablesSession } from '../firewall/session.js';
import type { RuleSpec } from '../firewall/types.js';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import type { Owner } from './owner.js';
import { FINAL } from './rules.js';
import { Together } from './together.js';

const { meta, ip, ip6, th, fib, concat, dnat, accept, drop } = nft;

/** One published port, as packets see it. */
export interface PortRule {
  /** Of the host; undefined for all of the family. */
  hostAddress?: string;
  hostPort: number;
  protocol: string;
  /** Of the endpoint: its family is that of the rule. */
  address: string;
  port: number;
}

/** A port that is published on a loopback address of IPv4: its socket serves it, and nobody but the host may reach it. */
export interface LocalPort {
  hostAddress: string;
  hostPort: number;
  protocol: string;
}

const FAMILIES = {
  inet: { ...mapsOf('ipv4_addr', 4), daddr: ip.daddr, notLoopback: ip.daddr.notIn('127.0.0.0/8'), nat: 'ip' },
  inet6: { ...mapsOf('ipv6_addr', 6), daddr: ip6.daddr, notLoopback: ip6.daddr.isNot('::1'), nat: 'ip6' },
} as const;

/** Described wholly with every change, so that the kernel is not asked what they are made of. */
function mapsOf(type: 'ipv4_addr' | 'ipv6_addr', version: 4 | 6) {
  const map = [type, 'inet_service'] as const;
  return {
    any: { family: 'inet', name: `any${version}`, type: ['inet_proto', 'inet_service'], map },
    one: { family: 'inet', name: `one${version}`, type: [type, 'inet_proto', 'inet_service'], map },
  } as const;
}

/**
 * Ports that are for the host alone. The kernel takes packets for 127.0.0.0/8 from others where somebody has turned
 * route_localnet on, as Kubernetes' proxy does; for ::1 never.
 */
const LOCAL = { family: 'inet', name: 'local', type: ['ipv4_addr', 'inet_proto', 'inet_service'] } as const;

/** Devices whose packets are not redirected: they come to the sockets of the published ports. */
const RELAYED = { family: 'inet', name: 'relayed', type: 'ifname' } as const;

/**
 * The published ports of this program in one namespace: a table that belongs to a socket and goes with it, kill -9
 * included (NFT_TABLE_F_OWNER, Linux 5.12), which nobody else can flush. One look-up in a map says where a packet goes,
 * however many ports there are.
 */
export class PortTable {
  readonly #session: NftablesSession;
  readonly #table: string;
  #users = 1;
  readonly #forget: () => void;
  /** What many ask for at once is one transaction. */
  readonly #changes: Together<Changes>;
  #closing: Promise<void> | undefined;

  private constructor(session: NftablesSession, table: string, forget: () => void) {
    this.#session = session;
    this.#table = table;
    this.#forget = forget;
    this.#changes = new Together(async (all) => {
      await session.apply(gathered(all), FINAL);
    });
  }

  /** This program's, for as long as somebody has it. */
  static async take(netns: AnyNetns, owner: Owner): Promise<PortTable> {
    const { memory } = openInternals(netns);
    const found = (await memory.get(PortTable)) as PortTable | undefined;
    if (found !== undefined && found.#users > 0) {
      found.#users++;
      return found;
    }
    if (found) await found.#closing;
    // Somebody else may have begun one meanwhile.
    if (memory.has(PortTable)) return PortTable.take(netns, owner);
    const made = PortTable.#make(netns, `nsnet-ports-${owner.id}`, () => memory.delete(PortTable));
    memory.set(PortTable, made);
    made.catch(() => memory.delete(PortTable));
    return made;
  }

  static async #make(netns: AnyNetns, table: string, forget: () => void): Promise<PortTable> {
    const session = await netns.nftables.session();
    try {
      await session.apply(skeleton(table), FINAL);
      return new PortTable(session, table, forget);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Adds them, all or none. What comes by the device `relayed` is served by the sockets. */
  async add(rules: readonly PortRule[], local: readonly LocalPort[], relayed?: string): Promise<void> {
    const changes = this.#change('addElements', rules, local);
    if (relayed !== undefined) changes.addElements({ ...RELAYED, table: this.#table }, [relayed]);
    await this.#changes.do(changes);
  }

  /** Of a namespace object that is closed they are gone. */
  async delete(rules: readonly PortRule[], local: readonly LocalPort[]): Promise<void> {
    if (rules.length + local.length > 0 && !this.#session.closed)
      await this.#changes.do(this.#change('deleteElements', rules, local));
  }

  /** The last one ends it. */
  async letGo(): Promise<void> {
    if (--this.#users > 0) return;
    this.#closing = this.#session.close();
    await this.#closing.finally(this.#forget);
  }

  #change(
    what: 'addElements' | 'deleteElements',
    rules: readonly PortRule[],
    local: readonly LocalPort[],
  ): Changes {
    const changes = new Changes();
    const keys = local.map(({ hostAddress, protocol, hostPort }) => [hostAddress, protocol, hostPort]);
    if (keys.length > 0) changes[what]({ ...LOCAL, table: this.#table }, keys);
    for (const { hostAddress, hostPort, protocol, address, port } of rules) {
      const { any, one } = FAMILIES[address.includes(':') ? 'inet6' : 'inet'];
      const map = hostAddress === undefined ? any : one;
      const end = [protocol, hostPort];
      const key = hostAddress === undefined ? end : [hostAddress, ...end];
      changes[what]({ ...map, table: this.#table }, [{ key, value: [address, port] }]);
    }
    return changes;
  }
}

function gathered(all: readonly Changes[]): Changes {
  const changes = new Changes();
  for (const { list } of all) changes.list.push(...list);
  return changes;
}

function skeleton(table: string): Changes {
  const family = 'inet';
  const changes = new Changes().addTable({ family, name: table, flags: ['owner'] });
  const rules: RuleSpec['expressions'][] = [];
  for (const { any, one, daddr, notLoopback, nat } of Object.values(FAMILIES)) {
    changes.addSet({ ...any, table }).addSet({ ...one, table });
    // Never of loopback addresses, which nobody else may reach (CVE-2020-8558), and only of the host's own (CVE-2025-67499).
    const local = [notLoopback, fib.daddr.type.is('local')];
    const to = (key: ReturnType<typeof concat>, map: string) => [
      ...local,
      dnat({ family: nat, map: key.map(map) }),
    ];
    rules.push(
      to(concat(daddr, meta('l4proto'), th.dport), one.name),
      to(concat(meta('l4proto'), th.dport), any.name),
    );
  }
  changes.addSet({ ...RELAYED, table }).addSet({ ...LOCAL, table });
  const raw = { name: 'raw', type: 'filter', hook: 'prerouting', priority: 'raw' } as const;
  changes.addChain({ family, table, ...raw });
  changes.addRule({
    family,
    table,
    chain: raw.name,
    expressions: [
      meta('iifname').isNot('lo'),
      concat(ip.daddr, meta('l4proto'), th.dport).inSet(LOCAL.name),
      drop(),
    ],
  });
  // Behind the rules of whoever runs the host (CVE-2019-9946): of chains of one priority the last one made is asked first.
  const nat = { family, table, type: 'nat', priority: -90 } as const;
  changes.addChain({ ...nat, name: 'prerouting', hook: 'prerouting' });
  changes.addChain({ ...nat, name: 'output', hook: 'output' });
  changes.addRule({
    family,
    table,
    chain: 'prerouting',
    expressions: [meta('iifname').inSet(RELAYED.name), accept()],
  });
  for (const chain of ['prerouting', 'output'])
    for (const expressions of rules) changes.addRule({ family, table, chain, expressions });
  return changes;
}
