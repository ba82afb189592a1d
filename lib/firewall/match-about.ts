import { invalidValue } from '../syscalls/validate.js';
import { dataType, type SetType } from './datatypes.js';
import { Field, immediate, type Mapped } from './match.js';
import { REGISTER } from './registers.js';
import type { Expression, Value } from './types.js';

/** What is known about a packet. */

const META = {
  iif: 'iface_index',
  oif: 'iface_index',
  iifname: 'ifname',
  oifname: 'ifname',
  iifgroup: 'devgroup',
  oifgroup: 'devgroup',
  iiftype: 'iface_type',
  oiftype: 'iface_type',
  mark: 'mark',
  nfproto: 'nf_proto',
  l4proto: 'inet_proto',
  protocol: 'ether_type',
  pkttype: 'pkt_type',
  skuid: 'uid',
  skgid: 'gid',
  rtclassid: 'realm',
} as const satisfies Record<string, SetType>;

/** A field that can be written, too. */
export class Writable extends Field {
  readonly #write: (sreg: number) => Expression;

  /** @internal */
  constructor(source: ConstructorParameters<typeof Field>[0], write: (sreg: number) => Expression) {
    super(source);
    this.#write = write;
  }

  set(value: Value | Mapped): Expression[] {
    const mapped = typeof value === 'object' && 'load' in value ? value.load : undefined;
    const load = mapped ?? [immediate(REGISTER, this.type.parse(value, 'value'))];
    return [...load, this.#write(REGISTER)];
  }
}

/** What the kernel knows of the packet: nft's `meta`. */
export function meta(key: keyof typeof META): Writable {
  if (!Object.hasOwn(META, key)) throw invalidValue('key', `one of ${Object.keys(META).join(', ')}`, key);
  const load = (dreg: number): Expression[] => [{ type: 'meta', key, dreg }];
  const source = { type: dataType(META[key]), requires: undefined, load };
  return new Writable(source, (sreg) => ({ type: 'meta', key, sreg }));
}

type State = 'new' | 'established' | 'related' | 'invalid' | 'untracked';
type Status = 'expected' | 'seen-reply' | 'assured' | 'confirmed' | 'snat' | 'dnat' | 'dying';
type Direction = 'original' | 'reply';

function ctField(key: string, type: SetType, direction?: Direction): Field {
  const load = (dreg: number) => [{ type: 'ct', key, dreg, ...(direction && { direction }) } as Expression];
  return new Field({ type: dataType(type), requires: undefined, load });
}

const state = ctField('state', 'ct_state');
const status = ctField('status', 'ct_status');

function ofDirection(direction: Direction) {
  const protocol = ctField('protocol', 'inet_proto', direction);
  return {
    ip: {
      saddr: ctField('ip saddr', 'ipv4_addr', direction),
      daddr: ctField('ip daddr', 'ipv4_addr', direction),
    },
    ip6: {
      saddr: ctField('ip6 saddr', 'ipv6_addr', direction),
      daddr: ctField('ip6 daddr', 'ipv6_addr', direction),
    },
    protocol,
    sport: ctField('proto-src', 'inet_service', direction),
    dport: ctField('proto-dst', 'inet_service', direction),
  } as const;
}

const ctMark = {
  type: dataType('mark'),
  requires: undefined,
  load: (dreg: number): Expression[] => [{ type: 'ct', key: 'mark', dreg }],
};

/** The packet's connection, as conntrack knows it. */
export const ct = {
  /** In any of these states. */
  state: (...states: readonly State[]): Expression[] => state.any(...states),
  /** In none of them: nft's `ct state ! …`. */
  notState: (...states: readonly State[]): Expression[] => state.none(...states),
  /** Has any of these bits. */
  status: (...bits: readonly Status[]): Expression[] => status.any(...bits),
  notStatus: (...bits: readonly Status[]): Expression[] => status.none(...bits),
  mark: new Writable(ctMark, (sreg) => ({ type: 'ct', key: 'mark', sreg })),
  direction: ctField('direction', 'ct_dir'),
  original: ofDirection('original'),
  reply: ofDirection('reply'),
} as const;

type FibFlag = 'saddr' | 'daddr' | 'mark' | 'iif' | 'oif';

function fibOf(...flags: FibFlag[]) {
  const of = (result: 'oif' | 'oifname' | 'type', type: SetType) => {
    const load = (dreg: number): Expression[] => [{ type: 'fib', dreg, result, flags }];
    return new Field({ type: dataType(type), requires: undefined, load });
  };
  const exists = (there: number): Expression[] => [
    { type: 'fib', dreg: REGISTER, result: 'oif', flags: [...flags, 'present'] },
    { type: 'cmp', op: 'eq', sreg: REGISTER, data: dataType('iface_index').parse(there, 'there') },
  ];
  return {
    /** What kind of address that is here: 'local', 'unicast', 'broadcast' …. */
    type: of('type', 'fib_addrtype'),
    oif: of('oif', 'iface_index'),
    oifname: of('oifname', 'ifname'),
    /** There is a route. */
    exists: () => exists(1),
    missing: () => exists(0),
  } as const;
}

/** What the routing table says; `fib.by(…)` of several, as nft's `fib saddr . iif`. */
export const fib = { saddr: fibOf('saddr'), daddr: fibOf('daddr'), by: fibOf } as const;
