import type { Change } from './changes.js';

function inTable({ family, table }: { family: string; table: string }): string {
  return `table ${family} '${table}'`;
}

/** What a change is about, for errors. */
export function subjectOfChange({ what, value }: Change): string {
  switch (what) {
    case 'table':
      return `table ${value.family} '${value.name}'`;
    case 'rule': {
      const handle = value.handle === undefined ? '' : ` ${value.handle}`;
      return `rule${handle} in chain '${value.chain}' of ${inTable(value)}`;
    }
    case 'elements':
      return `elements of set '${value.name}' of ${inTable(value)}`;
    case 'object':
      return `${value.type} '${value.name}' of ${inTable(value)}`;
    default:
      return `${what} '${value.name}' of ${inTable(value)}`;
  }
}
