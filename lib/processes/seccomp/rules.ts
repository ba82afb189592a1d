import { stricter } from './actions.js';
import type { Architecture } from './architectures.js';
import { always, type Condition } from './conditions.js';
import type { Rule } from './read.js';

/** What becomes of a call where all conditions hold. */
export interface Clause {
  conditions: readonly Condition[];
  action: number;
}

/**
 * The clauses of each call, by its number; the first that holds decides. As in libseccomp one without conditions
 * takes the place of all others, and as in engines a rule that says what is so anyway is none.
 */
export function clausesOf(
  rules: readonly Rule[],
  architecture: Architecture,
  defaultAction: number,
): Map<number, Clause[]> {
  const { numbers, multiplexers, wide } = architecture;
  const clauses = new Map<number, Clause[]>();
  const put = (name: string, conditions: readonly Condition[], action: number) => {
    const number = numbers.get(name);
    if (number === undefined) return;
    const left = conditions.filter((one) => !always(one, wide));
    const known = clauses.get(number);
    if (known?.[0]?.conditions.length === 0) return;
    if (known && left.length > 0) known.push({ conditions: left, action });
    else clauses.set(number, [{ conditions: left, action }]);
  };
  for (const { names, action, alternatives } of rules) {
    if (action === defaultAction) continue;
    for (const name of names) {
      for (const conditions of alternatives) {
        put(name, conditions, action);
        // What the conditions are about is in memory: what is forbidden under some is forbidden, what is allowed is not.
        if (conditions.length > 0 && !stricter(action, defaultAction)) continue;
        for (const { name: multiplexer, mask, calls } of multiplexers) {
          const which = Object.hasOwn(calls, name) ? calls[name] : undefined;
          if (which !== undefined) put(multiplexer, [first(which, mask)], action);
        }
      }
    }
  }
  return clauses;
}

const first = (which: number, mask: number): Condition => ({
  index: 0,
  op: 'SCMP_CMP_MASKED_EQ',
  value: BigInt(mask),
  valueTwo: BigInt(which),
});
