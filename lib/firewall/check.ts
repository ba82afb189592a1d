import { OBJECT_TYPES } from '../nftables/constants.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { elementsToWire } from './elements.js';
import { hookNumber, priorityNumber } from './priorities.js';
import { checkHandle, checkInChain, checkInTable, checkName, checkTableRef } from './refs.js';
import { withChecks } from './requires.js';
import { shapeOf } from './set-shape.js';
import type { Chain, Expression, Flowtable, NftObject, NftSet, Rule, RuleSpec, Table } from './types.js';

/** Checks of what a program describes, before anything is sent. */

function checkSaid({ comment, userdata }: { comment?: unknown; userdata?: unknown }): void {
  if (comment !== undefined) checkString('comment', comment);
  if (userdata !== undefined && !(userdata instanceof Uint8Array))
    throw invalidType('userdata', 'a Uint8Array', userdata);
}

function checkArray(name: string, value: unknown): asserts value is unknown[] {
  if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
}

function checkFlags(flags: unknown): void {
  if (flags !== undefined) checkArray('flags', flags);
}

export function checkTable(table: Table): Table {
  checkObject('table', table);
  checkKeys('table', table, ['family', 'name', 'flags', 'comment', 'userdata', 'handle', 'owner']);
  checkTableRef(table);
  checkFlags(table.flags);
  checkSaid(table);
  return table;
}

const CHAIN = 'family table name type hook priority policy devices flags comment userdata handle'.split(' ');

export function checkChain(chain: Chain): Chain {
  checkObject('chain', chain);
  checkKeys('chain', chain, CHAIN);
  checkInTable(chain, 'chain');
  const { family, type, hook, priority, policy, devices, flags } = chain as Chain;
  if (hook !== undefined) hookNumber(family, hook);
  if (priority !== undefined) priorityNumber(family, priority);
  for (const [name, value] of Object.entries({ type, priority, policy, devices })) {
    if (value !== undefined && hook === undefined) throw invalidValue(name, 'none without a hook', value);
  }
  if (type !== undefined && !['filter', 'nat', 'route'].includes(type))
    throw invalidValue('type', 'filter, nat or route', type);
  if (policy !== undefined && policy !== 'accept' && policy !== 'drop')
    throw invalidValue('policy', 'accept or drop', policy);
  if (devices !== undefined) {
    checkArray('devices', devices);
    for (const device of devices) checkName('devices', device);
  }
  checkFlags(flags);
  checkSaid(chain as Chain);
  return chain;
}

const RULE = ['family', 'table', 'chain', 'expressions', 'comment', 'userdata', 'handle', 'position'];

/** The rule with the checks that its expressions need. */
export function checkRule<R extends RuleSpec & { position?: number }>(rule: R): R & Rule {
  checkObject('rule', rule);
  checkKeys('rule', rule, RULE);
  checkInChain(rule);
  checkArray('rule.expressions', rule.expressions);
  const expressions = rule.expressions.flat() as Expression[];
  for (const expression of expressions) {
    checkObject('expression', expression);
    checkString('expression.type', (expression as { type: unknown }).type);
  }
  if (rule.position !== undefined) checkHandle('rule.position', rule.position);
  checkSaid(rule);
  return { ...rule, expressions: withChecks(rule.family, expressions) };
}

const SET =
  'family table name type map flags size timeout gcInterval policy autoMerge comment expressions elements userdata handle'.split(
    ' ',
  );

export function checkNftSet(set: NftSet): NftSet {
  checkObject('set', set);
  checkKeys('set', set, SET);
  checkInTable(set, 'set');
  const { size, timeout, gcInterval, elements, flags } = set as NftSet;
  checkFlags(flags);
  const shape = shapeOf(set as NftSet);
  if (elements !== undefined) elementsToWire(shape, elements);
  if (size !== undefined) checkInteger('size', size, 1, 0xffffffff);
  if (timeout !== undefined) checkInteger('timeout', timeout, 1, Number.MAX_SAFE_INTEGER);
  if (gcInterval !== undefined) checkInteger('gcInterval', gcInterval, 1, 0xffffffff);
  checkSaid(set as NftSet);
  return set;
}

export function checkObjectSpec(object: NftObject): NftObject {
  checkObject('object', object);
  checkKeys('object', object, ['family', 'table', 'name', 'type', 'data', 'comment', 'userdata', 'handle']);
  checkInTable(object, 'object');
  const { type } = object as NftObject;
  if (typeof type !== 'number' && !Object.hasOwn(OBJECT_TYPES, type))
    throw invalidValue('type', `one of ${Object.keys(OBJECT_TYPES).join(', ')}`, type);
  checkSaid(object as NftObject);
  return object;
}

export function checkFlowtable(flowtable: Flowtable): Flowtable {
  checkObject('flowtable', flowtable);
  checkKeys('flowtable', flowtable, [
    'family',
    'table',
    'name',
    'hook',
    'priority',
    'devices',
    'flags',
    'handle',
  ]);
  checkInTable(flowtable, 'flowtable');
  checkArray('devices', (flowtable as Flowtable).devices);
  return flowtable;
}
