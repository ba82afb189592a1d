import type { Verdict } from '../nftables/data.js';
import type { AnyExpression, ExpressionOf } from '../nftables/expressions/expression.js';
import type { OpaqueType, SetType } from './datatypes.js';

export type { Verdict } from '../nftables/data.js';
export type { OpaqueType, SetType } from './datatypes.js';

/** Which packets a table sees: nft's words. */
export type TableFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

/** A set that is made with the rule that uses it, as nft's `{ 80, 443 }`, and goes with it. */
export type AnonymousSet = Pick<NftSet, 'type' | 'map' | 'elements' | 'userdata'> & {
  flags?: NftSet['flags'];
};

type LookupExpression = Omit<ExpressionOf<'lookup'>, 'set'> & { set?: string | AnonymousSet };

/**
 * One step of a rule, as the kernel has it: `type` is the expression's name, the rest its attributes. One that nsnet
 * does not know is read as `{ type, data }` and can be written again.
 */
export type Expression = Exclude<AnyExpression, { type: 'lookup' }> | LookupExpression;

/** A table: nft-add-table. */
export interface Table {
  family: TableFamily;
  name: string;
  /** `owner`: it goes with the socket that made it (5.12); `persist`: it stays all the same (6.9). */
  flags?: readonly ('dormant' | 'owner' | 'persist' | number)[];
  comment?: string;
  /** Instead of a comment: bytes that the kernel keeps and nobody reads. */
  userdata?: Uint8Array;
  handle?: number;
  /** Read only: the netlink port of the socket that owns it. */
  owner?: number;
}

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';
export type Priority = 'raw' | 'mangle' | 'dstnat' | 'filter' | 'security' | 'out' | 'srcnat';

/** A chain of rules; with a `hook` packets come to it by themselves, without by jump() and goto() of other rules. */
export interface Chain {
  family: TableFamily;
  table: string;
  name: string;
  /** Default 'filter' where there is a hook. */
  type?: 'filter' | 'nat' | 'route';
  hook?: Hook;
  /** What is read is a number. Default 0 where there is a hook. */
  priority?: number | Priority;
  /** Default accept. */
  policy?: 'accept' | 'drop';
  /** Of ingress and egress. */
  devices?: readonly string[];
  flags?: readonly ('offload' | 'binding' | number)[];
  comment?: string;
  userdata?: Uint8Array;
  handle?: number;
}

/** A rule: expressions that are carried out in order while each holds. */
export interface Rule {
  family: TableFamily;
  table: string;
  chain: string;
  expressions: readonly Expression[];
  comment?: string;
  userdata?: Uint8Array;
  handle?: number;
}

/** A rule as a program describes it: lists of expressions are joined. */
export type RuleSpec = Omit<Rule, 'expressions'> & {
  expressions: readonly (Expression | readonly Expression[])[];
};

/** The value of a set's type: an address, a number, a name, or bytes as they are. In intervals also '10.0.0.0/8', '80-90'. */
export type Value = string | number | Uint8Array;
/** Several in an array for a concatenation. */
export type Key = Value | readonly Value[];

export interface SetElement {
  /** '*' for what is not there otherwise (5.13). */
  key: Key;
  /** Of a map: a value, a verdict, or the name of an object. */
  value?: Key | Verdict;
  /** Milliseconds. */
  timeout?: number;
  /** Milliseconds that are left. */
  expires?: number;
  comment?: string;
  /** A counter, say, of its own. */
  expressions?: readonly Expression[];
}

export type SetFlag = 'anonymous' | 'constant' | 'interval' | 'timeout' | 'dynamic';
export type ObjectType =
  | 'counter'
  | 'quota'
  | 'limit'
  | 'connlimit'
  | 'ct helper'
  | 'ct timeout'
  | 'ct expectation'
  | 'secmark'
  | 'synproxy'
  | 'tunnel';

/** A named set, or a map where `map` says to what. */
export interface NftSet {
  family: TableFamily;
  table: string;
  name: string;
  /** Of its keys; several for a concatenation. A type that has no name here is told by nft's number. */
  type: SetType | OpaqueType | readonly (SetType | OpaqueType)[];
  map?:
    | SetType
    | OpaqueType
    | readonly (SetType | OpaqueType)[]
    | 'verdict'
    | { object: ObjectType | number };
  flags?: readonly (SetFlag | number)[];
  /** The most elements that there may be. */
  size?: number;
  /** Milliseconds until an element goes, unless it says otherwise. */
  timeout?: number;
  /** Milliseconds. */
  gcInterval?: number;
  policy?: 'performance' | 'memory' | number;
  /** nft merges neighbours that it adds. Said to nft; nsnet does not merge. */
  autoMerge?: boolean;
  comment?: string;
  /** Of every element: a counter, say. */
  expressions?: readonly Expression[];
  /** A key alone, or with what belongs to it. */
  elements?: readonly (SetElement | Key)[];
  /** As nft wrote it, where it says more than is known here. */
  userdata?: Uint8Array;
  handle?: number;
}

/** A counter, quota, limit … with a name. `data` are its attributes. */
export interface NftObject {
  family: TableFamily;
  table: string;
  name: string;
  type: ObjectType | number;
  data?: Record<string, unknown> | Uint8Array;
  comment?: string;
  userdata?: Uint8Array;
  handle?: number;
}

export interface Flowtable {
  family: TableFamily;
  table: string;
  name: string;
  hook: 'ingress' | number;
  priority: number;
  devices: readonly string[];
  flags?: readonly ('offload' | 'counter' | number)[];
  handle?: number;
}

/** All that there is, at one generation. Rules in the order of their chains, which packets meet. */
export interface Ruleset {
  generation: number;
  tables: Table[];
  chains: Chain[];
  rules: Rule[];
  sets: (Omit<NftSet, 'elements'> & { elements: SetElement[] })[];
  objects: NftObject[];
  flowtables: Flowtable[];
}
