import type { Changes } from './changes.js';
import type { ModelSet, ModelTable } from './model.js';
import type { AnonymousSet, Expression, Rule } from './types.js';

/** Changes that make again what was read. */

/** A rule that can be made again: its own sets in it, not by their names. */
export function whole(rule: Rule, sets: ReadonlyMap<string, Pick<ModelSet, 'set' | 'elements'>>): Rule {
  const expressions = rule.expressions.map((one): Expression => {
    const { set: name } = one as { set?: unknown };
    const own = one.type === 'lookup' && typeof name === 'string' ? sets.get(name) : undefined;
    if (!own?.set.flags?.includes('anonymous')) return one;
    const { type, map, flags, userdata } = own.set;
    const set: AnonymousSet = {
      type,
      flags,
      elements: [...own.elements.values()],
      ...(map !== undefined && { map }),
      ...(userdata !== undefined && { userdata }),
    };
    const { setId: _, ...rest } = one as { setId?: number } & Expression;
    return { ...rest, set } as Expression;
  });
  const { handle: _, ...rest } = rule;
  return { ...rest, expressions };
}

export function without<T extends { handle?: number }>(one: T): T {
  const { handle: _, ...rest } = one;
  return rest as T;
}

export function addSet(changes: Changes, { set, elements }: ModelSet): void {
  changes.addSet({ ...without(set), elements: [...elements.values()] });
}

/** A table with all that is in it. */
export function addTable(changes: Changes, { table, chains, sets, objects, flowtables }: ModelTable): void {
  const { owner: _, ...rest } = without(table);
  changes.addTable(rest);
  for (const { chain } of chains.values()) changes.addChain(without(chain));
  for (const one of objects.values()) changes.addObject(without(one));
  for (const one of flowtables.values()) changes.addFlowtable(without(one));
  for (const one of sets.values()) if (!one.set.flags?.includes('anonymous')) addSet(changes, one);
  // A chain without a name takes no rules once it is jumped to: those first, the inner before the outer.
  const all = [...chains.values()];
  const bound = all.filter(({ chain }) => chain.flags?.includes('binding')).reverse();
  for (const { rules } of [...bound, ...all.filter((one) => !bound.includes(one))])
    for (const rule of rules) changes.addRule(whole(rule, sets));
}
