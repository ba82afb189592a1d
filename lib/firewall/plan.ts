import { NLM_F } from '../netlink/constants.js';
import type { MessageCodec } from '../netlink/message.js';
import type { Request } from '../netlink/request.js';
import { chain } from '../nftables/chain.js';
import { NFNL_MSG_BATCH, NFNL_SUBSYS_NFTABLES, NFPROTO, NFT_MSG } from '../nftables/constants.js';
import { elements } from '../nftables/element.js';
import { flowtable } from '../nftables/flowtable.js';
import { batch } from '../nftables/generation.js';
import { object } from '../nftables/object.js';
import { rule } from '../nftables/rule.js';
import { set } from '../nftables/set.js';
import { table } from '../nftables/table.js';
import { invalidValue } from '../syscalls/validate.js';
import { chainBody, flowtableBody, objectBody, ruleBody, setBody, tableBody } from './bodies.js';
import type { Change, Changes } from './changes.js';
import { elementChunks } from './chunks.js';
import { elementsToWire } from './elements.js';
import { explain } from './explain.js';
import { setKey } from './refs.js';
import { type SetShape, shapeOf } from './set-shape.js';
import { subjectOfChange } from './subjects.js';
import type { AnonymousSet, Expression, NftSet, Rule, TableFamily } from './types.js';

/** One message of a batch, and the change that it is of. */
interface Step {
  change: number;
  type: keyof typeof NFT_MSG;
  flags: number;
  // biome-ignore lint/suspicious/noExplicitAny: codec and body belong together
  codec: MessageCodec<any, any>;
  body: unknown;
}

type Of<W extends Change['what']> = Extract<Change, { what: W }>;

const NEW = { add: NLM_F.CREATE, create: NLM_F.CREATE | NLM_F.EXCL } as const;

/** What changes are as messages of one batch. */
export class Plan {
  readonly steps: Step[] = [];
  readonly #shapes: Map<string, SetShape>;
  #setId = 0;

  /** `shapes` are those of sets that the changes do not add themselves. */
  constructor(
    readonly changes: Changes,
    shapes: ReadonlyMap<string, SetShape>,
  ) {
    this.#shapes = new Map(shapes);
    for (const [i, change] of changes.list.entries()) this.#add(i, change);
  }

  /** Whose first and last messages are the batch's own; only the last of the others asks for an ack. */
  requests(where: string, generation?: number): Request[] {
    const { list } = this.changes;
    const last = this.steps.length - 1;
    const border = (name: 'BEGIN' | 'END', flags: number): Request => ({
      name: `NFNL_MSG_BATCH_${name}`,
      type: NFNL_MSG_BATCH[name],
      flags,
      codec: batch,
      body: {
        resId: NFNL_SUBSYS_NFTABLES,
        attributes: name === 'BEGIN' && generation !== undefined ? { generation } : {},
      },
      subject: `the ruleset in ${where}`,
      explain: (error) => explain(error, undefined),
    });
    const steps = this.steps.map((step, i): Request => {
      const change = list[step.change] as Change;
      return {
        name: `NFT_MSG_${step.type}`,
        type: NFT_MSG[step.type],
        flags: step.flags | (i === last ? NLM_F.ACK : 0),
        codec: step.codec,
        body: step.body,
        subject: () => `${subjectOfChange(change)} in ${where}`,
        explain: (error) => explain(error, change),
      };
    });
    return [border('BEGIN', 0), ...steps, border('END', 0)];
  }

  #add(index: number, change: Change): void {
    switch (change.what) {
      case 'table':
        this.#table(index, change);
        break;
      case 'chain':
        this.#chain(index, change);
        break;
      case 'rule':
        this.#rule(index, change);
        break;
      case 'set':
        this.#set(index, change);
        break;
      case 'elements':
        this.#elements(index, change);
        break;
      case 'object':
        this.#object(index, change);
        break;
      case 'flowtable':
        this.#flowtable(index, change);
        break;
    }
  }

  #push(change: number, type: Step['type'], flags: number, codec: Step['codec'], body: unknown): void {
    this.steps.push({ change, type, flags, codec, body });
  }

  #table(index: number, { op, value }: Of<'table'>): void {
    if (op === 'add' || op === 'create') {
      this.#push(index, 'NEWTABLE', NEW[op] | NLM_F.ECHO, table, tableBody(value));
      return;
    }
    const { family, name } = value;
    if (op === 'flush') this.#push(index, 'DELRULE', 0, rule, body(family, { table: name }));
    else this.#delete(index, op, 'TABLE', table, family, { name, ...handleOf(value) });
  }

  #chain(index: number, { op, value }: Of<'chain'>): void {
    if (op === 'add' || op === 'create') {
      this.#push(index, 'NEWCHAIN', NEW[op] | NLM_F.ECHO, chain, chainBody(value));
      return;
    }
    const { family, table, name } = value;
    if (op === 'flush') this.#push(index, 'DELRULE', 0, rule, body(family, { table, chain: name }));
    else this.#delete(index, op, 'CHAIN', chain, family, { table, name, ...handleOf(value) });
  }

  #rule(index: number, { op, value }: Of<'rule'>): void {
    const { family, table, chain, handle } = value;
    if (op === 'delete' || op === 'destroy') {
      this.#delete(index, op, 'RULE', rule, family, { table, chain, handle });
      return;
    }
    const { expressions } = value as Rule;
    const named = expressions.map((one) => this.#named(index, family, table, one));
    const made = ruleBody(value as Rule, named, 'position' in value ? value.position : undefined);
    if (op === 'replace') {
      const attributes = { ...made.attributes, handle };
      this.#push(index, 'NEWRULE', NLM_F.REPLACE | NLM_F.ECHO, rule, { ...made, attributes });
      return;
    }
    const flags = NLM_F.CREATE | (op === 'add' ? NLM_F.APPEND : 0) | NLM_F.ECHO;
    this.#push(index, 'NEWRULE', flags, rule, made);
  }

  /** A lookup in a set of its own names one that is made before it. */
  #named(index: number, family: TableFamily, table: string, expression: Expression): Expression {
    const own = (expression as { set?: string | AnonymousSet }).set;
    if (expression.type !== 'lookup' || typeof own !== 'object') return expression;
    const name = own.map === undefined ? '__set%d' : '__map%d';
    const flags = [...new Set([...(own.flags ?? []), 'anonymous', 'constant'] as const)];
    const size = own.elements?.length;
    const spec: NftSet = { ...own, family, table, name, flags, ...(size && { size }) };
    const setId = this.#newSet(index, spec, NLM_F.CREATE);
    return { ...expression, set: name, setId } as Expression;
  }

  #newSet(index: number, spec: NftSet, flags: number): number {
    const id = ++this.#setId;
    const shape = shapeOf(spec);
    const interval = shape.interval && shape.keys.length === 1;
    // A size would count both ends of each interval.
    const { size, ...sizeless } = spec;
    const anonymous = spec.flags?.includes('anonymous');
    this.#push(index, 'NEWSET', flags, set, setBody(anonymous && interval ? sizeless : spec, shape, id));
    if (!anonymous) this.#shapes.set(setKey(spec), shape);
    if (spec.elements?.length) this.#chunks(index, 'NEWSETELEM', NLM_F.CREATE, spec, shape, id);
    return id;
  }

  #set(index: number, { op, value }: Of<'set'>): void {
    if (op === 'add' || op === 'create') {
      this.#newSet(index, value, NEW[op] | NLM_F.ECHO);
      return;
    }
    const { family, table, name } = value;
    if (op === 'flush') this.#push(index, 'DELSETELEM', 0, elements, body(family, { table, set: name }));
    else this.#delete(index, op, 'SET', set, family, { table, name, ...handleOf(value) });
  }

  #elements(index: number, { op, value }: Of<'elements'>): void {
    const key = setKey(value);
    const shape = value.type === undefined ? this.#shapes.get(key) : shapeOf(value as NftSet);
    if (!shape) throw invalidValue('set', 'a set whose type is known', value.name);
    if (op === 'add' || op === 'create') this.#chunks(index, 'NEWSETELEM', NEW[op], value, shape);
    else this.#chunks(index, op === 'delete' ? 'DELSETELEM' : 'DESTROYSETELEM', 0, value, shape);
  }

  #chunks(
    index: number,
    type: Step['type'],
    flags: number,
    { family, table, name, elements: given = [] }: Pick<NftSet, 'family' | 'table' | 'name' | 'elements'>,
    shape: SetShape,
    setId?: number,
  ): void {
    const wire = elementsToWire(shape, given, type !== 'NEWSETELEM');
    const about = { table, set: name, ...(setId !== undefined && { setId }) };
    for (const chunk of elementChunks(wire)) {
      this.#push(index, type, flags, elements, body(family, { ...about, elements: chunk }));
    }
  }

  #object(index: number, { op, value }: Of<'object'>): void {
    if (op === 'add' || op === 'create') {
      this.#push(index, 'NEWOBJ', NEW[op] | NLM_F.ECHO, object, objectBody(value));
      return;
    }
    const { family, table, name, type } = value;
    this.#delete(index, op, 'OBJ', object, family, { table, name, type, ...handleOf(value) });
  }

  #flowtable(index: number, { op, value }: Of<'flowtable'>): void {
    if (op === 'add' || op === 'create') {
      this.#push(index, 'NEWFLOWTABLE', NEW[op] | NLM_F.ECHO, flowtable, flowtableBody(value));
      return;
    }
    const { family, table, name } = value;
    this.#delete(index, op, 'FLOWTABLE', flowtable, family, { table, name, ...handleOf(value) });
  }

  #delete(
    index: number,
    op: 'delete' | 'destroy',
    what: 'TABLE' | 'CHAIN' | 'RULE' | 'SET' | 'OBJ' | 'FLOWTABLE',
    codec: Step['codec'],
    family: TableFamily,
    attributes: object,
  ): void {
    this.#push(index, `${op === 'delete' ? 'DEL' : 'DESTROY'}${what}`, 0, codec, body(family, attributes));
  }
}

function body(family: TableFamily, attributes: object): object {
  return { family: NFPROTO[family], attributes };
}

function handleOf({ handle }: { handle?: number }): { handle?: number } {
  return handle === undefined ? {} : { handle };
}
