import type { Call } from '../handles/listing.js';
import { readAnswer } from '../netlink/answer.js';
import type { Connection } from '../netlink/connection.js';
import type { Answer, Request } from '../netlink/request.js';
import type { Outcome } from '../netlink/transaction.js';
import { NFT_MSG } from '../nftables/constants.js';
import { generation as generationCodec } from '../nftables/generation.js';
import { abortError, NsnetError } from '../syscalls/errors.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  invalidType,
} from '../syscalls/validate.js';
import { Changes } from './changes.js';
import { Difference } from './difference.js';
import { Model } from './model.js';
import { Plan } from './plan.js';
import { Reader } from './read.js';
import { setKey } from './refs.js';
import type { SetShape } from './set-shape.js';
import type { Ruleset, TableFamily } from './types.js';

export type ApplyOptions = Call & {
  /** Refuses with ERESTART unless the ruleset is of this generation: what list() read is what is changed. */
  generation?: number;
  /** Reads what the changes touch before, so that reverse() can tell how to undo them. Default true. */
  reversible?: boolean;
};

/** What came of changes. */
export class Applied {
  /** Of the ruleset with them. */
  readonly generation: number;
  /** By the place of the change: of the table, chain, rule, set or object that it added. */
  readonly handles: readonly (number | undefined)[];
  readonly #reverse: () => Changes;

  /** @internal */
  constructor(generation: number, handles: readonly (number | undefined)[], reverse: () => Changes) {
    this.generation = generation;
    this.handles = handles;
    this.#reverse = reverse;
  }

  /**
   * Changes that undo these: what was added is deleted, by its handle; what was deleted is added again, with the elements
   * and the counts it had before. What others have changed since stays as it is.
   */
  reverse(): Changes {
    return this.#reverse();
  }
}

export function checkChanges(changes: unknown, options: ApplyOptions): asserts changes is Changes {
  if (!(changes instanceof Changes)) throw invalidType('changes', 'Changes', changes);
  checkObject('options', options);
  checkKeys('options', options, ['signal', 'generation', 'reversible']);
  checkSignal(options.signal);
  if (options.generation !== undefined) checkInteger('generation', options.generation, 0, 0xffffffff);
  if (options.reversible !== undefined) checkBoolean('reversible', options.reversible);
}

/** The ruleset changes between reading and applying so often, at most. */
const TRIES = 16;

/** Applies changes by one connection, one call after the other. */
export class Applier {
  readonly #connection: Connection;
  readonly #where: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, where: string) {
    this.#connection = connection;
    this.#where = where;
  }

  /** In the order of the calls: what one reads before is what the one before it left. */
  apply(given: Changes, options: ApplyOptions): Promise<Applied> {
    // As they are now: a caller may go on adding to them.
    const changes = new Changes();
    changes.list.push(...given.list);
    const applied = this.#last.then(() => this.#apply(changes, options));
    this.#last = applied.catch(() => {});
    return applied;
  }

  async #apply(changes: Changes, { signal, generation, reversible = true }: ApplyOptions): Promise<Applied> {
    if (signal?.aborted) throw abortError(signal);
    const reader = new Reader(this.#connection, this.#where, signal);
    if (changes.length === 0) return new Applied(await reader.generation(), [], () => new Changes());
    for (let tries = 1; ; tries++) {
      const before = reversible ? await this.#before(reader, changes) : undefined;
      const plan = new Plan(changes, await shapesFor(changes, reader));
      // The last time it goes as it is: what is read may then be older than what is changed.
      const pinned = generation ?? (tries < TRIES ? before?.generation : undefined);
      const requests = plan.requests(this.#where, pinned);
      try {
        const outcome = await this.#connection.transaction(requests, signal);
        const after = generationIn(outcome) ?? following(pinned) ?? (await this.#generation());
        const handles = handlesIn(plan, requests, outcome);
        return new Applied(after, handles, () => reversed(before, changes, handles, outcome.lost));
      } catch (error) {
        const again =
          (error as NsnetError).code === 'ERESTART' && generation === undefined && pinned !== undefined;
        if (!again) throw error;
      }
    }
  }

  /** Not to be aborted: what was asked for is done. */
  #generation(): Promise<number> {
    return new Reader(this.#connection, this.#where).generation();
  }

  /** The tables that the changes name, and the elements of those sets whose elements they change. */
  #before(reader: Reader, { list }: Changes): Promise<Ruleset> {
    const tables = new Map<string, { family: TableFamily; table: string }>();
    const sets = new Set<string>();
    const tableKey = (family: string, table: string) => setKey({ family, table, name: '' });
    const all = new Set<string>();
    for (const { what, op, value } of list) {
      const table = what === 'table' ? value.name : value.table;
      const key = tableKey(value.family, table);
      tables.set(key, { family: value.family, table });
      if (what === 'set' || what === 'elements') sets.add(setKey(value));
      // The sets that go with a table or a rule.
      if (op === 'delete' || op === 'destroy' || op === 'flush' || op === 'replace') all.add(key);
    }
    const [only] = tables.size === 1 ? tables.values() : [];
    const wanted = (key: string) => {
      const [family, table] = JSON.parse(key) as [string, string];
      return sets.has(key) || all.has(tableKey(family, table));
    };
    return reader.ruleset(only ?? {}, wanted);
  }
}

function reversed(
  before: Ruleset | undefined,
  changes: Changes,
  handles: readonly (number | undefined)[],
  lost: boolean,
): Changes {
  if (!before)
    throw new NsnetError('ERR_NSNET_UNSUPPORTED', 'applied with reversible: false, so that nobody knows');
  if (lost)
    throw new NsnetError('ENOBUFS', 'the handles of what was added did not fit in the socket’s buffer', {
      hint: 'Read it back, or apply fewer changes at once',
    });
  const was = Model.of(before);
  const is = was.clone();
  is.apply(changes, handles);
  return new Difference(is, was).changes;
}

/** Of sets whose elements are changed, and which nobody describes. */
async function shapesFor({ list }: Changes, reader: Reader): Promise<Map<string, SetShape>> {
  const known = new Set<string>();
  const shapes = new Map<string, SetShape>();
  for (const { op, what, value } of list) {
    if (what === 'set' && (op === 'add' || op === 'create')) known.add(setKey(value));
    if (what !== 'elements' || value.type !== undefined) continue;
    const key = setKey(value);
    if (known.has(key) || shapes.has(key)) continue;
    shapes.set(key, await reader.shape(value.family, value.table, value.name));
  }
  return shapes;
}

/** The kernel tells it with the echo of the first message, where that asks for one. */
function generationIn({ answers }: Outcome): number | undefined {
  const all = answers.get(1) ?? [];
  const answer = all.find(({ type }) => type === NFT_MSG.NEWGEN);
  return answer && readAnswer(generationCodec, answer).attributes.id;
}

/** 32 bits, without zero. */
function following(generation: number | undefined): number | undefined {
  return generation === undefined ? undefined : (generation + 1) >>> 0 || 1;
}

function handlesIn(plan: Plan, requests: readonly Request[], { answers }: Outcome): (number | undefined)[] {
  const handles: (number | undefined)[] = plan.changes.list.map(() => undefined);
  for (const [i, { change, type }] of plan.steps.entries()) {
    const all: readonly Answer[] = answers.get(i + 1) ?? [];
    const answer = all.find((one) => one.type === NFT_MSG[type]);
    if (!answer || !type.startsWith('NEW')) continue;
    const { handle } = readAnswer((requests[i + 1] as Request).codec, answer).attributes;
    if (handle !== undefined) handles[change] = Number(handle);
  }
  return handles;
}
