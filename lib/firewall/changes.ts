import { checkObject, invalidType } from '../syscalls/validate.js';
import { checkChain, checkFlowtable, checkNftSet, checkObjectSpec, checkRule, checkTable } from './check.js';
import { elementOf } from './elements.js';
import { Model } from './model.js';
import { addTable } from './rebuild.js';
import {
  type ChainRef,
  checkHandle,
  checkInChain,
  checkInTable,
  checkTableRef,
  type FlowtableRef,
  type ObjectRef,
  type RuleRef,
  type SetRef,
  type TableRef,
} from './refs.js';
import type {
  Chain,
  Flowtable,
  Key,
  NftObject,
  NftSet,
  Rule,
  RuleSpec,
  Ruleset,
  SetElement,
  Table,
} from './types.js';

type Elements = readonly (SetElement | Key)[];
/** Says what elements are made of where the set is not added by the same changes; else the kernel is asked. */
export type ElementsOf = SetRef & Partial<Pick<NftSet, 'type' | 'map' | 'flags'>>;
/** Where a rule goes: behind this one when added, before it when inserted. */
export type Placed<R> = R & { position?: number };

/** One thing to be done, as data. */
export type Change =
  | { op: 'add' | 'create'; what: 'table'; value: Table }
  | { op: 'delete' | 'destroy'; what: 'table'; value: TableRef & { handle?: number } }
  | { op: 'flush'; what: 'table'; value: TableRef }
  | { op: 'add' | 'create'; what: 'chain'; value: Chain }
  | { op: 'delete' | 'destroy'; what: 'chain'; value: ChainRef & { handle?: number } }
  | { op: 'flush'; what: 'chain'; value: ChainRef }
  | { op: 'add' | 'insert'; what: 'rule'; value: Placed<Rule> }
  | { op: 'replace'; what: 'rule'; value: Rule & { handle: number } }
  | { op: 'delete' | 'destroy'; what: 'rule'; value: RuleRef }
  | { op: 'add' | 'create'; what: 'set'; value: NftSet }
  | { op: 'delete' | 'destroy'; what: 'set'; value: SetRef & { handle?: number } }
  | { op: 'flush'; what: 'set'; value: SetRef }
  | {
      op: 'add' | 'create' | 'delete' | 'destroy';
      what: 'elements';
      value: ElementsOf & { elements: Elements };
    }
  | { op: 'add' | 'create'; what: 'object'; value: NftObject }
  | { op: 'delete' | 'destroy'; what: 'object'; value: ObjectRef & { handle?: number } }
  | { op: 'add' | 'create'; what: 'flowtable'; value: Flowtable }
  | { op: 'delete' | 'destroy'; what: 'flowtable'; value: FlowtableRef & { handle?: number } };

/**
 * Changes of a ruleset, in order, to be made together or not at all: `netns.nftables.apply(changes)`. Each method adds
 * one and returns the same object; a TypeError or RangeError says what cannot be meant, and adds nothing. `add…` is no
 * error where the thing is there, `create…` is (EEXIST). `delete…` of what is not there is ENOENT; `destroy…` is no error,
 * and needs Linux 6.3. Plain data: JSON and structuredClone() of `list` give the same.
 */
export class Changes {
  readonly list: Change[] = [];

  get length(): number {
    return this.list.length;
  }

  addTable(table: Table): this {
    return this.#push({ op: 'add', what: 'table', value: checkTable(table) });
  }
  createTable(table: Table): this {
    return this.#push({ op: 'create', what: 'table', value: checkTable(table) });
  }
  /** With all that is in it. */
  deleteTable(table: TableRef & { handle?: number }): this {
    checkTableRef(table);
    return this.#push({ op: 'delete', what: 'table', value: table });
  }
  destroyTable(table: TableRef): this {
    checkTableRef(table);
    return this.#push({ op: 'destroy', what: 'table', value: table });
  }
  /** Deletes the rules of all of its chains. */
  flushTable(table: TableRef): this {
    checkTableRef(table);
    return this.#push({ op: 'flush', what: 'table', value: table });
  }

  addChain(chain: Chain): this {
    return this.#push({ op: 'add', what: 'chain', value: checkChain(chain) });
  }
  createChain(chain: Chain): this {
    return this.#push({ op: 'create', what: 'chain', value: checkChain(chain) });
  }
  deleteChain(chain: ChainRef & { handle?: number }): this {
    checkInTable(chain, 'chain');
    return this.#push({ op: 'delete', what: 'chain', value: chain });
  }
  destroyChain(chain: ChainRef): this {
    checkInTable(chain, 'chain');
    return this.#push({ op: 'destroy', what: 'chain', value: chain });
  }
  /** Deletes its rules. */
  flushChain(chain: ChainRef): this {
    checkInTable(chain, 'chain');
    return this.#push({ op: 'flush', what: 'chain', value: chain });
  }

  /** At the end of its chain, or behind the rule whose handle is `position`. */
  addRule(rule: Placed<RuleSpec>): this {
    return this.#push({ op: 'add', what: 'rule', value: checkRule(rule) });
  }
  /** At the beginning of its chain, or before the rule whose handle is `position`. */
  insertRule(rule: Placed<RuleSpec>): this {
    return this.#push({ op: 'insert', what: 'rule', value: checkRule(rule) });
  }
  replaceRule(rule: RuleSpec & { handle: number }): this {
    const value = checkRule(rule);
    checkHandle('rule.handle', value.handle);
    return this.#push({ op: 'replace', what: 'rule', value });
  }
  deleteRule(rule: RuleRef): this {
    checkInChain(rule);
    checkHandle('rule.handle', rule.handle);
    return this.#push({ op: 'delete', what: 'rule', value: rule });
  }
  destroyRule(rule: RuleRef): this {
    checkInChain(rule);
    checkHandle('rule.handle', rule.handle);
    return this.#push({ op: 'destroy', what: 'rule', value: rule });
  }

  /** With its elements, if it has any. */
  addSet(set: NftSet): this {
    return this.#push({ op: 'add', what: 'set', value: checkNftSet(set) });
  }
  createSet(set: NftSet): this {
    return this.#push({ op: 'create', what: 'set', value: checkNftSet(set) });
  }
  deleteSet(set: SetRef & { handle?: number }): this {
    checkInTable(set, 'set');
    return this.#push({ op: 'delete', what: 'set', value: set });
  }
  destroySet(set: SetRef): this {
    checkInTable(set, 'set');
    return this.#push({ op: 'destroy', what: 'set', value: set });
  }
  /** Deletes its elements. */
  flushSet(set: SetRef): this {
    checkInTable(set, 'set');
    return this.#push({ op: 'flush', what: 'set', value: set });
  }

  addElements(set: ElementsOf, elements: Elements): this {
    return this.#elements('add', set, elements);
  }
  /** EEXIST where one is there. */
  createElements(set: ElementsOf, elements: Elements): this {
    return this.#elements('create', set, elements);
  }
  deleteElements(set: ElementsOf, elements: Elements): this {
    return this.#elements('delete', set, elements);
  }
  destroyElements(set: ElementsOf, elements: Elements): this {
    return this.#elements('destroy', set, elements);
  }

  addObject(object: NftObject): this {
    return this.#push({ op: 'add', what: 'object', value: checkObjectSpec(object) });
  }
  createObject(object: NftObject): this {
    return this.#push({ op: 'create', what: 'object', value: checkObjectSpec(object) });
  }
  deleteObject(object: ObjectRef & { handle?: number }): this {
    checkInTable(object, 'object');
    return this.#push({ op: 'delete', what: 'object', value: object });
  }
  destroyObject(object: ObjectRef): this {
    checkInTable(object, 'object');
    return this.#push({ op: 'destroy', what: 'object', value: object });
  }

  addFlowtable(flowtable: Flowtable): this {
    return this.#push({ op: 'add', what: 'flowtable', value: checkFlowtable(flowtable) });
  }
  createFlowtable(flowtable: Flowtable): this {
    return this.#push({ op: 'create', what: 'flowtable', value: checkFlowtable(flowtable) });
  }
  deleteFlowtable(flowtable: FlowtableRef & { handle?: number }): this {
    checkInTable(flowtable, 'flowtable');
    return this.#push({ op: 'delete', what: 'flowtable', value: flowtable });
  }
  destroyFlowtable(flowtable: FlowtableRef): this {
    checkInTable(flowtable, 'flowtable');
    return this.#push({ op: 'destroy', what: 'flowtable', value: flowtable });
  }

  /** Others behind these. */
  append(changes: Changes): this {
    if (!(changes instanceof Changes)) throw invalidType('changes', 'Changes', changes);
    this.list.push(...changes.list);
    return this;
  }

  /** All of what list() gave, as it was: tables with chains, objects, sets, elements and rules. */
  addRuleset(ruleset: Ruleset): this {
    checkObject('ruleset', ruleset);
    for (const table of Model.of(ruleset).tables.values()) addTable(this, table);
    return this;
  }

  toJSON(): Change[] {
    return this.list;
  }

  #elements(op: 'add' | 'create' | 'delete' | 'destroy', set: ElementsOf, elements: Elements): this {
    checkInTable(set, 'set');
    if (!Array.isArray(elements)) throw invalidType('elements', 'an array', elements);
    for (const element of elements) elementOf(element);
    return this.#push({ op, what: 'elements', value: { ...set, elements } });
  }

  #push(change: Change): this {
    checkObject(change.what, change.value);
    this.list.push(change);
    return this;
  }
}
