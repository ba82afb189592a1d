import { littleEndian } from '../netlink/bytes.js';
import { invalidValue } from '../syscalls/validate.js';
import type { Expression, TableFamily } from './types.js';

/**
 * What must be so for what follows to mean anything: a port needs a protocol that has ports. In the table it becomes the
 * check that nft would write, unless the rule has it already.
 */
export interface Requirement {
  type: 'requires';
  nfproto?: 'ipv4' | 'ipv6';
  l4proto?: number;
  ethernet?: true;
}

const IPV4 = { nfproto: 2, protocol: [0x08, 0x00], family: 'ip' } as const;
const IPV6 = { nfproto: 10, protocol: [0x86, 0xdd], family: 'ip6' } as const;
/** ARPHRD_ETHER. */
const ETHER = new Uint8Array(littleEndian ? [1, 0] : [0, 1]);

type Fact = 'nfproto' | 'protocol' | 'l4proto' | 'iiftype';

function check(key: Fact, data: readonly number[] | Uint8Array): Expression[] {
  return [
    { type: 'meta', key, dreg: 1 },
    { type: 'cmp', op: 'eq', sreg: 1, data: Uint8Array.from(data) },
  ];
}

/** What a rule knows after some of its expressions. */
class Facts {
  readonly #known = new Map<Fact, string>();
  #before: Expression | undefined;

  knows(fact: Fact, data: readonly number[] | Uint8Array): boolean {
    return this.#known.get(fact) === Buffer.from(data).toString('hex');
  }

  learn(expression: Expression): void {
    const loaded = this.#before;
    this.#before = expression;
    if (expression.type !== 'cmp' || !loaded) return;
    const { op, data } = expression as { op?: unknown; data?: Uint8Array };
    const fact = op === 'eq' && data ? factOf(loaded) : undefined;
    if (fact) this.#known.set(fact, Buffer.from(data as Uint8Array).toString('hex'));
  }
}

/** What is known where this is compared with. */
function factOf(loaded: Expression): Fact | undefined {
  const { type, key, base, offset, len } = loaded as Record<string, unknown>;
  if (type === 'meta') {
    const facts: unknown[] = ['nfproto', 'protocol', 'l4proto', 'iiftype'];
    return facts.includes(key) ? (key as Fact) : undefined;
  }
  // The protocol of an IPv4 header, and the next header of an IPv6 one.
  const names = type === 'payload' && base === 'network' && len === 1 && (offset === 9 || offset === 6);
  return names ? 'l4proto' : undefined;
}

function isRequirement(expression: unknown): expression is Requirement {
  return (expression as Requirement).type === 'requires';
}

function need(facts: Facts, key: Fact, data: readonly number[] | Uint8Array): Expression[] {
  return facts.knows(key, data) ? [] : check(key, data);
}

function checksFor(
  family: TableFamily,
  { nfproto, l4proto, ethernet }: Requirement,
  facts: Facts,
): Expression[] {
  const out: Expression[] = [];
  if (nfproto !== undefined) {
    const ip = nfproto === 'ipv4' ? IPV4 : IPV6;
    if (family === 'inet') {
      if (!facts.knows('protocol', ip.protocol)) out.push(...need(facts, 'nfproto', [ip.nfproto]));
    } else if (family === 'bridge' || family === 'netdev') out.push(...need(facts, 'protocol', ip.protocol));
    else if (family !== ip.family)
      throw invalidValue('expression', `what a table of family ${family} can see`, nfproto);
  }
  if (ethernet && family !== 'bridge') out.push(...need(facts, 'iiftype', ETHER));
  if (l4proto !== undefined) out.push(...need(facts, 'l4proto', [l4proto]));
  return out;
}

/** A rule's expressions for a table of that family, with the checks that they need. */
export function withChecks(family: TableFamily, expressions: readonly Expression[]): Expression[] {
  const facts = new Facts();
  const out: Expression[] = [];
  for (const expression of expressions) {
    const all = isRequirement(expression) ? checksFor(family, expression, facts) : [expression];
    for (const one of all) facts.learn(one);
    out.push(...all);
  }
  return out;
}
