import type { LinkKindData } from '../rtnetlink/link.js';
import { checkBoolean, checkInteger, outOfRange } from '../syscalls/validate.js';
import type { LinkKinds } from './types.js';

/** Options that are on or off, and their attributes. */
const FLAGS = {
  stp: 'stpState',
  vlanFiltering: 'vlanFiltering',
  multicastSnooping: 'mcastSnooping',
  nfCallIptables: 'nfCallIptables',
  nfCallIp6tables: 'nfCallIp6tables',
  nfCallArptables: 'nfCallArptables',
} as const;

const flags = Object.entries(FLAGS) as [keyof typeof FLAGS, (typeof FLAGS)[keyof typeof FLAGS]][];

/** What a bridge can be made with beside what every link can. */
export const BRIDGE_OPTIONS: readonly string[] = [...flags.map(([name]) => name), 'ageingTime'];

/** Throws unless they are well-formed. */
export function checkBridge(options: LinkKinds['bridge']): void {
  for (const [name] of flags) if (options[name] !== undefined) checkBoolean(name, options[name]);
  const { ageingTime } = options;
  if (ageingTime !== undefined) {
    checkInteger('ageingTime', ageingTime, 0, 42_949_672_950);
    if (ageingTime % 10 !== 0) throw outOfRange('ageingTime', 'a multiple of 10 milliseconds', ageingTime);
  }
}

/** IFLA_INFO_DATA. */
export function bridgeData(options: LinkKinds['bridge']): Record<string, number> {
  const data: Record<string, number> = {};
  for (const [name, attribute] of flags)
    if (options[name] !== undefined) data[attribute] = options[name] ? 1 : 0;
  if (options.ageingTime !== undefined) data.ageingTime = options.ageingTime / 10;
  return data;
}

/** What a bridge says of itself; what its kernel was built without is absent. */
export function bridgeOptionsOf(data: LinkKindData['bridge'] | undefined): LinkKinds['bridge'] {
  const options: LinkKinds['bridge'] = { stp: false, vlanFiltering: false };
  for (const [name, attribute] of flags) {
    const value = data?.[attribute];
    if (value !== undefined) options[name] = value !== 0;
  }
  return { ...options, ageingTime: (data?.ageingTime ?? 0) * 10 };
}
