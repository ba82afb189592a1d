import type { ChainMessage } from '../nftables/chain.js';
import { NFPROTO } from '../nftables/constants.js';
import type { FlowtableMessage } from '../nftables/flowtable.js';
import type { ObjectMessage } from '../nftables/object.js';
import type { RuleMessage } from '../nftables/rule.js';
import type { SetMessage } from '../nftables/set.js';
import type { TableMessage } from '../nftables/table.js';
import { hookName } from './priorities.js';
import { shapeIn, typeNames } from './set-shape.js';
import type {
  Chain,
  Expression,
  Flowtable,
  NftObject,
  NftSet,
  Rule,
  SetFlag,
  Table,
  TableFamily,
} from './types.js';
import { commentOf, numberIn, readUdata, textIn, UDATA_SET } from './udata.js';

/** Messages, as what they describe. */

const FAMILIES = new Map<number, string>(Object.entries(NFPROTO).map(([name, number]) => [number, name]));

export function familyName(number: number): TableFamily {
  return (FAMILIES.get(number) ?? String(number)) as TableFamily;
}

/** Handles are numbers: the kernel counts them up from 1. */
function handleIn(handle: number | bigint | undefined): { handle?: number } {
  return handle === undefined ? {} : { handle: Number(handle) };
}

export function tableIn({ family, attributes }: TableMessage): Table {
  const { name = '', flags, userdata, handle, owner } = attributes;
  return {
    family: familyName(family),
    name,
    ...(flags?.length && { flags }),
    ...commentOf(userdata),
    ...handleIn(handle),
    ...(owner !== undefined && { owner }),
  };
}

export function chainIn({ family: number, attributes }: ChainMessage): Chain {
  const { table = '', name = '', handle, hook, policy, type, flags, userdata } = attributes;
  const family = familyName(number);
  const others = flags?.filter((flag) => flag !== 'base');
  const devices = hook?.devices?.name ?? (hook?.device === undefined ? undefined : [hook.device]);
  return {
    family,
    table,
    name,
    ...(hook && {
      type: type as Chain['type'],
      hook: hookName(family, hook.hook) ?? (hook.hook as unknown as Chain['hook']),
      priority: hook.priority,
      policy: policy === 0 ? 'drop' : 'accept',
    }),
    ...(devices && { devices }),
    ...(others?.length && { flags: others as Chain['flags'] }),
    ...commentOf(userdata),
    ...handleIn(handle),
  };
}

export function ruleIn({ family, attributes }: RuleMessage): Rule {
  const { table = '', chain = '', handle, expressions = [], userdata } = attributes;
  return {
    family: familyName(family),
    table,
    chain,
    expressions: expressions as Expression[],
    ...commentOf(userdata),
    ...handleIn(handle),
  };
}

const OWN_FLAGS = new Set<unknown>(['map', 'object', 'concat', 'expr']);
/** Types of user data that are made from what is known of the set. */
const PLAIN_UDATA = new Set<number>(Object.values(UDATA_SET));

export function setIn(message: SetMessage): NftSet {
  const { family, attributes } = message;
  const { table = '', name = '', handle, flags = [], timeout, gcInterval, policy, description } = attributes;
  const { userdata, expression, expressions } = attributes;
  const shape = shapeIn(message);
  const said = readUdata(userdata);
  const comment = textIn(said?.get(UDATA_SET.comment));
  const own = flags.filter((flag) => !OWN_FLAGS.has(flag)) as (SetFlag | number)[];
  const plain = said && [...said.keys()].every((type) => PLAIN_UDATA.has(type));
  const { keys, values } = shape;
  // Of types that have no name here nobody else knows the order of bytes.
  const named = [...keys, ...(Array.isArray(values) ? values : [])].every(({ name }) => name !== undefined);
  return {
    family: familyName(family),
    table,
    name,
    type: typeNames(keys),
    ...(values !== undefined && {
      map: (Array.isArray(values) ? typeNames(values) : values) as NftSet['map'],
    }),
    ...(own.length && { flags: own }),
    ...(description?.size !== undefined && { size: description.size }),
    ...(timeout !== undefined && { timeout: Number(timeout) }),
    ...(gcInterval !== undefined && { gcInterval }),
    ...(policy !== undefined && { policy }),
    ...(numberIn(said?.get(UDATA_SET.merge)) === 1 && { autoMerge: true }),
    ...(comment !== undefined && { comment }),
    ...(expression && { expressions: [expression as Expression] }),
    ...(expressions && { expressions: expressions as Expression[] }),
    ...(userdata && !(plain && named) && { userdata }),
    ...handleIn(handle),
  };
}

export function objectIn({ family, attributes }: ObjectMessage): NftObject {
  const { table = '', name = '', type = 0, data, userdata, handle } = attributes;
  return {
    family: familyName(family),
    table,
    name,
    type,
    ...(data !== undefined && { data: data as NftObject['data'] }),
    ...commentOf(userdata),
    ...handleIn(handle),
  };
}

export function flowtableIn({ family, attributes }: FlowtableMessage): Flowtable {
  const { table = '', name = '', hook, handle, flags } = attributes;
  return {
    family: familyName(family),
    table,
    name,
    hook: hook?.hook === 0 ? 'ingress' : (hook?.hook ?? 0),
    priority: hook?.priority ?? 0,
    devices: hook?.devices?.name ?? [],
    ...(flags?.length && { flags }),
    ...handleIn(handle),
  };
}
