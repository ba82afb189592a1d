import { CLONE, type NamespaceType } from '../syscalls/excursion.js';
import { invalidValue } from '../syscalls/validate.js';

export const NAMESPACE_TYPES = Object.keys(CLONE) as NamespaceType[];

const byFlag = new Map(NAMESPACE_TYPES.map((type) => [CLONE[type] as number, type]));

/** The type that a flag of clone(2) names. */
export function typeOfFlag(flag: number): NamespaceType | undefined {
  return byFlag.get(flag);
}

export function checkType(type: unknown): asserts type is NamespaceType {
  if (!NAMESPACE_TYPES.includes(type as NamespaceType)) {
    throw invalidValue('type', `one of ${NAMESPACE_TYPES.join(', ')}`, type);
  }
}

/** That one, or all. */
export function checkTypes(type: unknown): readonly NamespaceType[] {
  if (type === undefined) return NAMESPACE_TYPES;
  checkType(type);
  return [type];
}
