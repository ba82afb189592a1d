import { DATA_VERDICT, OBJECT_TYPES } from '../nftables/constants.js';
import type { SetMessage } from '../nftables/set.js';
import { invalidValue } from '../syscalls/validate.js';
import { type DataType, typeNamed, typesOf } from './datatypes.js';
import type { NftSet, ObjectType } from './types.js';

/** What elements of a set are made of. */
export interface SetShape {
  readonly keys: readonly DataType[];
  /** Of a map. */
  readonly values: readonly DataType[] | 'verdict' | { object: ObjectType | number } | undefined;
  readonly interval: boolean;
}

function typesNamed(type: unknown, name: string): readonly DataType[] {
  const list = Array.isArray(type) ? type : [type];
  if (list.length === 0 || list.length > 5) throw invalidValue(name, 'one to five types', type);
  return list.map((one) => typeNamed(one, name));
}

/** The shape of a set as a program describes it. */
export function shapeOf({ type, map, flags = [] }: Pick<NftSet, 'type' | 'map' | 'flags'>): SetShape {
  const keys = typesNamed(type, 'type');
  const interval = flags.includes('interval');
  if (map === undefined || map === 'verdict') return { keys, values: map, interval };
  if (typeof map === 'object' && 'object' in map) {
    const { object } = map;
    if (typeof object !== 'number' && !Object.hasOwn(OBJECT_TYPES, object))
      throw invalidValue('map.object', `one of ${Object.keys(OBJECT_TYPES).join(', ')}`, object);
    return { keys, values: { object }, interval };
  }
  return { keys, values: typesNamed(map, 'map'), interval };
}

/** The shape of a set as the kernel describes it. */
export function shapeIn({ attributes }: SetMessage): SetShape {
  const { keyType = 0, keyLength = 0, dataType: data, dataLength = 0, flags = [], objectType } = attributes;
  const sizes = attributes.description?.concat?.map(({ length = 0 }) => length);
  const keys = typesOf(keyType, keyLength, sizes);
  const interval = flags.includes('interval');
  let values: SetShape['values'];
  if (flags.includes('object')) values = { object: (objectType ?? 0) as ObjectType };
  else if (!flags.includes('map')) values = undefined;
  else values = data === undefined || data === DATA_VERDICT ? 'verdict' : typesOf(data, dataLength);
  return { keys, values, interval };
}

/** How a program names types: one alone, several in an array. */
export function typeNames(types: readonly DataType[]): NftSet['type'] {
  const names = types.map(({ name, number, size }) => name ?? { type: number, size });
  return names.length === 1 ? (names[0] as NftSet['type']) : names;
}
