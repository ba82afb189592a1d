import type { Assembler, Target } from '../../bpf/assembler.js';
import { ENOSYS, isErrno, RETURN, refuses } from './actions.js';
import type { Architecture } from './architectures.js';
import { addCondition } from './conditions.js';
import type { Profile, Rule } from './read.js';
import { type Clause, clausesOf } from './rules.js';

/** Numbers are given out in order since Linux 5.1, the same everywhere; none above is a call but some of arm's own. */
const ORDERED = 424;
const END = 0x10000;

/** What becomes of the calls of one architecture, by their numbers. */
export class Table {
  readonly architecture: Architecture;
  readonly #clauses: ReadonlyMap<number, readonly Clause[]>;
  readonly #targets = new Map<number, Target>();
  readonly #default: number;
  readonly #otherwise: Target;
  readonly #unknown: Target;
  /** The first number above those of calls that the profile knows. */
  readonly #newer: number;

  constructor(program: Assembler, architecture: Architecture, profile: Profile, rules: readonly Rule[]) {
    this.architecture = architecture;
    this.#default = profile.defaultAction;
    this.#clauses = clausesOf(rules, architecture, this.#default);
    this.#otherwise = program.return(this.#default);
    // Who wrote the profile could not know them, and programs ask for them to do without: EPERM they take for an answer.
    const fails = isErrno(this.#default);
    this.#unknown = fails ? program.return(RETURN.SCMP_ACT_ERRNO + ENOSYS) : this.#otherwise;
    this.#newer = fails ? firstAbove(profile.rules, architecture) : END;
    for (const [number, clauses] of this.#clauses) {
      this.#targets.set(number, addClauses(program, clauses, architecture.wide, this.#otherwise));
    }
  }

  /** Where the program goes on for a call. */
  target(number: number): Target {
    const known = this.#targets.get(number);
    return known ?? (number >= this.#newer && number < END ? this.#unknown : this.#otherwise);
  }

  /** The numbers where that changes. */
  get bounds(): number[] {
    const bounds = [0, this.#newer, END];
    for (const number of this.#targets.keys()) {
      bounds.push(number);
      if (!this.#targets.has(number + 1)) bounds.push(number + 1);
    }
    return bounds;
  }

  /** Whether a call is not made, whatever its arguments are. */
  refuses(name: string): boolean {
    const clauses = this.#clauses.get(this.architecture.numbers.get(name) ?? -1) ?? [];
    const decided = clauses.some(({ conditions }) => conditions.length === 0);
    const actions = clauses.map(({ action }) => action);
    return (decided ? actions : [...actions, this.#default]).every(refuses);
  }
}

function firstAbove(rules: readonly Rule[], { numbers }: Architecture): number {
  let above = ORDERED;
  for (const { names } of rules) {
    for (const name of names) {
      const number = numbers.get(name);
      if (number !== undefined && number < END) above = Math.max(above, number + 1);
    }
  }
  return above;
}

/** The first clause that holds decides; without one, what is otherwise. */
function addClauses(
  program: Assembler,
  clauses: readonly Clause[],
  wide: boolean,
  otherwise: Target,
): Target {
  return clauses.reduceRight<Target>((next, { conditions, action }) => {
    const done = program.return(action);
    return conditions.reduceRight<Target>(
      (held, condition) => addCondition(program, condition, wide, [held, next]),
      done,
    );
  }, otherwise);
}
