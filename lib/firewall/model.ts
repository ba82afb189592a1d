import type { Change, Changes } from './changes.js';
import { elementsFromWire, elementsToWire } from './elements.js';
import { setKey } from './refs.js';
import { type SetShape, shapeOf } from './set-shape.js';
import type { Chain, Flowtable, Key, NftObject, NftSet, Rule, Ruleset, SetElement, Table } from './types.js';

/** A set with its elements by their keys. */
export interface ModelSet {
  set: NftSet;
  shape: SetShape;
  elements: Map<string, SetElement>;
}

/** One table. */
export class ModelTable {
  readonly chains = new Map<string, { chain: Chain; rules: Rule[] }>();
  readonly sets = new Map<string, ModelSet>();
  readonly objects = new Map<string, NftObject>();
  readonly flowtables = new Map<string, Flowtable>();

  constructor(public table: Table) {}

  clone(): ModelTable {
    const copy = new ModelTable(this.table);
    for (const [name, { chain, rules }] of this.chains) copy.chains.set(name, { chain, rules: [...rules] });
    for (const [name, one] of this.sets) copy.sets.set(name, { ...one, elements: new Map(one.elements) });
    for (const [name, one] of this.objects) copy.objects.set(name, one);
    for (const [name, one] of this.flowtables) copy.flowtables.set(name, one);
    return copy;
  }
}

/** However it was written: by the bytes that it becomes. */
function normal(
  shape: SetShape,
  elements: readonly (SetElement | Key)[],
  keysOnly = false,
): [string, SetElement][] {
  const read = elementsFromWire(shape, elementsToWire(shape, elements, keysOnly));
  return read.map((one) => [JSON.stringify(one.key, bytesAsText), one]);
}

function bytesAsText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `bytes ${Buffer.from(value).toString('hex')}` : value;
}

function objectKey({ name, type }: { name: string; type: unknown }): string {
  return JSON.stringify([type, name]);
}

/** A ruleset as it is, and as changes make it. */
export class Model {
  readonly tables = new Map<string, ModelTable>();

  static of({ tables, chains, rules, sets, objects, flowtables }: Ruleset): Model {
    const model = new Model();
    for (const table of tables) model.tables.set(setKey({ ...table, table: '' }), new ModelTable(table));
    for (const chain of chains) model.#in(chain)?.chains.set(chain.name, { chain, rules: [] });
    for (const rule of rules) model.#in(rule)?.chains.get(rule.chain)?.rules.push(rule);
    for (const set of sets) {
      const shape = shapeOf(set);
      const elements = new Map(
        set.elements.map((one): [string, SetElement] => [JSON.stringify(one.key, bytesAsText), one]),
      );
      model.#in(set)?.sets.set(set.name, { set, shape, elements });
    }
    for (const object of objects) model.#in(object)?.objects.set(objectKey(object), object);
    for (const flowtable of flowtables) model.#in(flowtable)?.flowtables.set(flowtable.name, flowtable);
    return model;
  }

  clone(): Model {
    const copy = new Model();
    for (const [key, table] of this.tables) copy.tables.set(key, table.clone());
    return copy;
  }

  /** What the kernel made of them. */
  apply(changes: Changes, handles: readonly (number | undefined)[]): void {
    for (const [i, change] of changes.list.entries()) this.#apply(change, handles[i]);
  }

  #in({ family, table }: { family: string; table: string }): ModelTable | undefined {
    return this.tables.get(setKey({ family, table: '', name: table }));
  }

  #apply(change: Change, handle: number | undefined): void {
    if (change.what === 'table') {
      this.#table(change, handle);
      return;
    }
    const table = this.#in(change.value);
    if (!table) return;
    switch (change.what) {
      case 'chain':
        chainIn(table, change, handle);
        break;
      case 'rule':
        ruleIn(table, change, handle);
        break;
      case 'set':
        setIn(table, change, handle);
        break;
      case 'elements':
        elementsIn(table, change);
        break;
      case 'object':
        named(table.objects, objectKey(change.value), change, handle);
        break;
      case 'flowtable':
        named(table.flowtables, change.value.name, change, handle);
        break;
    }
  }

  #table({ op, value }: Extract<Change, { what: 'table' }>, handle: number | undefined): void {
    const key = setKey({ ...value, table: '' });
    const old = this.tables.get(key);
    if (op === 'delete' || op === 'destroy')
      this.tables.delete(byHandle(this.tables, value, ({ table }) => table) ?? key);
    else if (op === 'flush') for (const chain of old?.chains.values() ?? []) chain.rules.length = 0;
    else if (old) old.table = { ...old.table, flags: (value as Table).flags };
    else this.tables.set(key, new ModelTable({ ...value, handle }));
  }
}

/** Where a thing is that is deleted by its handle. */
function byHandle<T>(
  all: ReadonlyMap<string, T>,
  { handle }: { handle?: number },
  of: (one: T) => { handle?: number },
): string | undefined {
  if (handle === undefined) return undefined;
  for (const [key, one] of all) if (of(one).handle === handle) return key;
  return undefined;
}

function chainIn(
  table: ModelTable,
  { op, value }: Extract<Change, { what: 'chain' }>,
  handle?: number,
): void {
  const { chains } = table;
  const old = chains.get(value.name);
  if (op === 'delete' || op === 'destroy')
    chains.delete(byHandle(chains, value, ({ chain }) => chain) ?? value.name);
  else if (op === 'flush') chains.set(value.name, { chain: old?.chain ?? value, rules: [] });
  else if (old) old.chain = { ...old.chain, ...('policy' in value && { policy: value.policy }) };
  else chains.set(value.name, { chain: { ...value, handle }, rules: [] });
}

function ruleIn(table: ModelTable, { op, value }: Extract<Change, { what: 'rule' }>, handle?: number): void {
  const rules = table.chains.get(value.chain)?.rules;
  if (!rules) return;
  const changed = op !== 'add' && op !== 'insert';
  const at = changed ? rules.findIndex(({ handle }) => handle !== undefined && handle === value.handle) : -1;
  if (op === 'delete' || op === 'destroy') {
    if (at >= 0) rules.splice(at, 1);
    return;
  }
  const rule = { ...(value as Rule), handle };
  if (op === 'replace') {
    if (at >= 0) rules.splice(at, 1, rule);
    return;
  }
  const { position } = value as { position?: number };
  const beside = position === undefined ? -1 : rules.findIndex((one) => one.handle === position);
  if (op === 'add') rules.splice(beside < 0 ? rules.length : beside + 1, 0, rule);
  else rules.splice(Math.max(0, beside), 0, rule);
}

function setIn(table: ModelTable, { op, value }: Extract<Change, { what: 'set' }>, handle?: number): void {
  const { sets } = table;
  const old = sets.get(value.name);
  if (op === 'delete' || op === 'destroy') sets.delete(byHandle(sets, value, ({ set }) => set) ?? value.name);
  else if (op === 'flush') old?.elements.clear();
  else {
    const spec = value as NftSet;
    const one = old ?? { set: { ...spec, handle }, shape: shapeOf(spec), elements: new Map() };
    sets.set(spec.name, one);
    for (const [key, element] of normal(one.shape, spec.elements ?? []))
      if (!one.elements.has(key)) one.elements.set(key, element);
  }
}

function elementsIn(table: ModelTable, { op, value }: Extract<Change, { what: 'elements' }>): void {
  const set = table.sets.get(value.name);
  if (!set) return;
  const adds = op === 'add' || op === 'create';
  for (const [key, element] of normal(set.shape, value.elements, !adds)) {
    if (!adds) set.elements.delete(key);
    else if (!set.elements.has(key)) set.elements.set(key, element);
  }
}

function named<T extends { handle?: number }>(
  all: Map<string, T>,
  key: string,
  { op, value }: { op: string; value: object },
  handle: number | undefined,
): void {
  if (op === 'delete' || op === 'destroy') all.delete(byHandle(all, value, (one) => one) ?? key);
  else if (!all.has(key)) all.set(key, { ...(value as T), handle });
}
