import type { ChainBody } from '../nftables/chain.js';
import { DATA_VERDICT, NFPROTO } from '../nftables/constants.js';
import type { FlowtableBody } from '../nftables/flowtable.js';
import type { ObjectBody } from '../nftables/object.js';
import type { RuleBody } from '../nftables/rule.js';
import type { SetBody } from '../nftables/set.js';
import type { TableBody } from '../nftables/table.js';
import { numberOf, sizeOf } from './datatypes.js';
import { hookNumber, priorityNumber } from './priorities.js';
import type { SetShape } from './set-shape.js';
import type { Chain, Flowtable, NftObject, NftSet, Rule, Table } from './types.js';
import { UDATA_SET, Udata, udataOf } from './udata.js';

/** What is described, as messages. */

const NF_DROP = 0;
const NF_ACCEPT = 1;

export function tableBody(table: Table): TableBody {
  const { family, name, flags } = table;
  return {
    family: NFPROTO[family],
    attributes: { name, flags: flags ?? [], userdata: udataOf(table) },
  };
}

export function chainBody(chain: Chain): ChainBody {
  const { family, table, name, type, hook, priority = 0, policy, devices, flags } = chain;
  const attributes: ChainBody['attributes'] = { table, name };
  if (hook !== undefined) {
    attributes.hook = {
      hook: hookNumber(family, hook),
      priority: priorityNumber(family, priority),
      ...(devices?.length === 1 && { device: devices[0] }),
      ...(devices && devices.length > 1 && { devices: { name: [...devices] } }),
    };
    attributes.type = type ?? 'filter';
    if (policy !== undefined) attributes.policy = policy === 'drop' ? NF_DROP : NF_ACCEPT;
  }
  if (flags?.length) attributes.flags = flags;
  attributes.userdata = udataOf(chain);
  return { family: NFPROTO[family], attributes };
}

/** Its lookups name their sets already. */
export function ruleBody(rule: Rule, expressions: unknown, position?: number): RuleBody {
  const { family, table, chain } = rule;
  return {
    family: NFPROTO[family],
    attributes: {
      table,
      chain,
      ...(position !== undefined && { position }),
      expressions: expressions as NonNullable<RuleBody['attributes']>['expressions'],
      userdata: udataOf(rule),
    },
  };
}

const BIG_ENDIAN = 2;
const HOST_ENDIAN = 1;

function orderOf(types: SetShape['keys']): number {
  if (types.length !== 1) return 0;
  return types[0]?.order === 'big' ? BIG_ENDIAN : HOST_ENDIAN;
}

function setUdata(
  { userdata, autoMerge, comment }: NftSet,
  { keys, values, interval }: SetShape,
): Uint8Array {
  if (userdata) return userdata;
  const out = new Udata().putNumber(UDATA_SET.keyOrder, orderOf(keys));
  if (values !== undefined && (values === 'verdict' || Array.isArray(values)))
    out.putNumber(UDATA_SET.dataOrder, values === 'verdict' ? 0 : orderOf(values as SetShape['keys']));
  if (autoMerge && interval) out.putNumber(UDATA_SET.merge, 1);
  if (values !== undefined) out.putNumber(UDATA_SET.dataInterval, 0);
  if (comment !== undefined) out.putText(UDATA_SET.comment, comment);
  return out.bytes as Uint8Array;
}

export function setBody(set: NftSet, shape: SetShape, id: number): SetBody {
  const { family, table, name, flags = [], size, timeout, gcInterval, policy, expressions } = set;
  const { keys, values, interval } = shape;
  const all: NonNullable<SetBody['attributes']>['flags'] & unknown[] = [...flags];
  const add = (flag: (typeof all)[number], when: boolean) => {
    if (when && !all.includes(flag)) all.push(flag);
  };
  const object = typeof values === 'object' && 'object' in values ? values.object : undefined;
  add('map', values !== undefined && object === undefined);
  add('object', object !== undefined);
  add('concat', interval && keys.length > 1);
  add('timeout', timeout !== undefined);
  const attributes: SetBody['attributes'] = {
    table,
    name,
    flags: all,
    keyType: numberOf(keys),
    keyLength: sizeOf(keys),
    ...(values === 'verdict' && { dataType: DATA_VERDICT, dataLength: 0 }),
    ...(Array.isArray(values) && { dataType: numberOf(values), dataLength: sizeOf(values) }),
    ...(object !== undefined && { objectType: object as 'counter' }),
    id,
    ...(policy !== undefined && { policy }),
    ...(timeout !== undefined && { timeout }),
    ...(gcInterval !== undefined && { gcInterval }),
  };
  const concat = interval && keys.length > 1;
  if (size !== undefined || concat) {
    attributes.description = {
      ...(size !== undefined && { size }),
      ...(concat && { concat: keys.map((key) => ({ length: key.size })) }),
    };
  }
  attributes.userdata = setUdata(set, shape);
  if (expressions?.length === 1) attributes.expression = expressions[0] as never;
  else if (expressions && expressions.length > 1) attributes.expressions = expressions as never;
  return { family: NFPROTO[family], attributes };
}

export function objectBody(object: NftObject): ObjectBody {
  const { family, table, name, type, data } = object;
  return {
    family: NFPROTO[family],
    attributes: { table, name, type, data: (data ?? {}) as never, userdata: udataOf(object) },
  };
}

export function flowtableBody({
  family,
  table,
  name,
  hook,
  priority,
  devices,
  flags,
}: Flowtable): FlowtableBody {
  const number = hook === 'ingress' ? 0 : hook;
  return {
    family: NFPROTO[family],
    attributes: {
      table,
      name,
      hook: { hook: number, priority, devices: { name: [...devices] } },
      ...(flags?.length && { flags }),
    },
  };
}
