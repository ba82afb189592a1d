import { isDeepStrictEqual } from 'node:util';
import { Changes } from './changes.js';
import type { Model, ModelSet, ModelTable } from './model.js';
import { addSet, addTable, whole, without } from './rebuild.js';
import type { Rule, SetElement } from './types.js';

/** Those of `from` that are not in `to`, or are another thing of the same name there. */
function* missing<T>(
  from: ReadonlyMap<string, T>,
  to: ReadonlyMap<string, T>,
  handle: (one: T) => number | undefined,
): Generator<[string, T]> {
  for (const [key, one] of from) {
    const other = to.get(key);
    if (other === undefined || handle(other) !== handle(one)) yield [key, one];
  }
}

/** Those of one set that another of that name has not, or with another value. */
function elementsMissing({ elements }: ModelSet, other: ModelSet): SetElement[] {
  const same = ([key, one]: [string, SetElement]) => {
    const found = other.elements.get(key);
    return found !== undefined && isDeepStrictEqual(found.value, one.value);
  };
  return [...elements].filter((entry) => !same(entry)).map(([, one]) => one);
}

/** Changes that make `to` of `from`, which is of the same ruleset. */
export class Difference {
  readonly changes = new Changes();

  constructor(from: Model, to: Model) {
    const both: [ModelTable, ModelTable][] = [];
    for (const [key, table] of from.tables) {
      const wanted = to.tables.get(key);
      if (wanted && wanted.table.handle === table.table.handle) both.push([table, wanted]);
    }
    for (const [, { table }] of missing(from.tables, to.tables, ({ table }) => table.handle))
      this.changes.deleteTable(table);
    for (const [now, wanted] of both) this.#take(now, wanted);
    for (const [, table] of missing(to.tables, from.tables, ({ table }) => table.handle))
      addTable(this.changes, table);
    for (const [now, wanted] of both) this.#give(now, wanted);
  }

  /** Takes away what is too much, what uses others first. */
  #take(now: ModelTable, wanted: ModelTable): void {
    const { changes } = this;
    const chains = [...missing(now.chains, wanted.chains, ({ chain }) => chain.handle)].map(
      ([, one]) => one.chain,
    );
    for (const chain of chains) changes.flushChain(chain);
    for (const [name, { rules }] of now.chains) {
      const kept = new Set(wanted.chains.get(name)?.rules.map(({ handle }) => handle));
      if (chains.some((chain) => chain.name === name)) continue;
      for (const rule of rules)
        if (!kept.has(rule.handle)) changes.deleteRule({ ...rule, handle: rule.handle as number });
    }
    for (const [name, one] of now.sets) {
      const { set } = one;
      const other = wanted.sets.get(name);
      if (set.flags?.includes('anonymous')) continue;
      if (!other || other.set.handle !== set.handle) changes.deleteSet(set);
      else {
        const extra = elementsMissing(one, other);
        if (extra.length > 0) changes.deleteElements(set, extra);
      }
    }
    for (const [, one] of missing(now.objects, wanted.objects, ({ handle }) => handle))
      changes.deleteObject(one);
    for (const [, one] of missing(now.flowtables, wanted.flowtables, ({ handle }) => handle))
      changes.deleteFlowtable(one);
    for (const chain of chains) changes.deleteChain(chain);
  }

  /** Adds what is missing, what others use first. */
  #give(now: ModelTable, wanted: ModelTable): void {
    const { changes } = this;
    if (!isDeepStrictEqual(now.table.flags ?? [], wanted.table.flags ?? []))
      changes.addTable(without(wanted.table));
    for (const [name, { chain }] of wanted.chains) {
      const other = now.chains.get(name)?.chain;
      if (!other || other.handle !== chain.handle || other.policy !== chain.policy)
        changes.addChain(without(chain));
    }
    for (const [, one] of missing(wanted.objects, now.objects, ({ handle }) => handle))
      changes.addObject(without(one));
    for (const [, one] of missing(wanted.flowtables, now.flowtables, ({ handle }) => handle))
      changes.addFlowtable(without(one));
    for (const [name, one] of wanted.sets) {
      if (one.set.flags?.includes('anonymous')) continue;
      const other = now.sets.get(name);
      if (!other || other.set.handle !== one.set.handle) addSet(changes, one);
      else {
        const lost = elementsMissing(one, other);
        if (lost.length > 0) changes.addElements(one.set, lost);
      }
    }
    for (const [name, { chain, rules }] of wanted.chains) {
      const other = now.chains.get(name);
      const there = other && other.chain.handle === chain.handle ? other.rules : [];
      const byHandle = new Map(there.map((rule) => [rule.handle, rule]));
      this.#rules(rules, new Set(byHandle.keys()), wanted);
      for (const rule of rules) {
        const replaced = byHandle.get(rule.handle);
        // A rule that takes the place of another may have its handle; what was not touched is the same object.
        if (replaced && replaced !== rule)
          changes.replaceRule({ ...whole(rule, wanted.sets), handle: rule.handle as number });
      }
    }
  }

  /** Each behind the one that it was behind: those in a row from the last on. */
  #rules(rules: readonly Rule[], there: ReadonlySet<number | undefined>, { sets }: ModelTable): void {
    let behind: number | undefined;
    let row: Rule[] = [];
    const put = () => {
      for (const rule of row.reverse()) {
        if (behind === undefined) this.changes.insertRule(whole(rule, sets));
        else this.changes.addRule({ ...whole(rule, sets), position: behind });
      }
      row = [];
    };
    for (const rule of rules) {
      if (!there.has(rule.handle)) row.push(rule);
      else {
        put();
        behind = rule.handle;
      }
    }
    put();
  }
}
