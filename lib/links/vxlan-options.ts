import { parseAddress } from '../netlink/addresses.js';
import type { LinkKindData } from '../rtnetlink/link.js';
import { checkBoolean, checkInteger, invalidValue, needs, outOfRange } from '../syscalls/validate.js';
import type { DeviceData, LinkKinds } from './types.js';

type Options = LinkKinds['vxlan'];
type Data = LinkKindData['vxlan'];

/** What IANA has assigned; Linux's own default, 8472, is older. */
const VXLAN_PORT = 4789;

/** What a VXLAN can be made with beside what every link can. */
export const VXLAN_OPTIONS: readonly string[] = [
  'id',
  'local',
  'remote',
  'group',
  'port',
  'parent',
  'learning',
  'ttl',
  'ageingTime',
];

function isMulticast({ bytes }: { bytes: Uint8Array }): boolean {
  const first = bytes[0] as number;
  return bytes.length === 4 ? first >= 224 && first < 240 : first === 0xff;
}

function isLinkLocal({ bytes }: { bytes: Uint8Array }): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && ((bytes[1] as number) & 0xc0) === 0x80;
}

/** Addresses that are given, of one family; throws unless they are well-formed. */
function checkEnds({ local, remote, group, parent }: Partial<Options>, making: boolean): void {
  const ends = (['local', 'remote', 'group'] as const).flatMap((name) => {
    const text = { local, remote, group }[name];
    return text === undefined ? [] : [{ name, text, address: parseAddress(text, name) }];
  });
  for (const { name, text, address } of ends) {
    if (address.family !== ends[0]?.address.family)
      throw invalidValue(name, `an address of the same family as ${ends[0]?.name}`, text);
    if (isMulticast(address) !== (name === 'group'))
      throw invalidValue(name, name === 'group' ? 'a multicast address' : 'a unicast address', text);
    if (making && parent === undefined && isLinkLocal(address)) throw needs(name, '`parent`');
  }
  if (remote !== undefined && group !== undefined)
    throw invalidValue('group', 'no `group` beside `remote`', group);
  if (making && group !== undefined && parent === undefined)
    throw needs('group', '`parent`, the device that the group is joined by');
}

function checkTimes({ ttl, ageingTime }: Partial<Options>): void {
  if (ttl !== undefined && ttl !== 'auto' && ttl !== 'inherit') {
    if (typeof ttl === 'string') throw invalidValue('ttl', "1 to 255, 'auto' or 'inherit'", ttl);
    checkInteger('ttl', ttl, 1, 255);
  }
  if (ageingTime === undefined) return;
  checkInteger('ageingTime', ageingTime, 1000, 0xffffffff * 1000);
  if (ageingTime % 1000 !== 0) throw outOfRange('ageingTime', 'a multiple of 1000 milliseconds', ageingTime);
}

/** Throws unless they are well-formed; `id` is needed to make one. */
export function checkVxlan(options: Partial<Options>, making: boolean): void {
  const { id, port, learning } = options;
  if (making || id !== undefined) checkInteger('id', id, 0, 0xffffff);
  if (port !== undefined) checkInteger('port', port, 1, 65_535);
  if (learning !== undefined) checkBoolean('learning', learning);
  checkEnds(options, making);
  checkTimes(options);
}

/**
 * IFLA_INFO_DATA; undefined where there is nothing to be said. `before` is what it is set to: the kernel refuses to be
 * told the port that it has, and keeps silent where 'inherit' is to end.
 */
export function vxlanData(
  options: Partial<Options>,
  making: boolean,
  before?: Options,
): DeviceData | undefined {
  const { id, local, remote, group, parent, learning, ageingTime } = options;
  const port = options.port === before?.port ? undefined : options.port;
  const ttl = options.ttl === before?.ttl ? undefined : options.ttl;
  const far = remote ?? group;
  const data: Record<string, unknown> = {};
  if (id !== undefined) data.id = id;
  if (local !== undefined) data[local.includes(':') ? 'local6' : 'local'] = local;
  if (far !== undefined) data[far.includes(':') ? 'group6' : 'group'] = far;
  if (port !== undefined || making) data.port = port ?? VXLAN_PORT;
  if (learning !== undefined) data.learning = learning ? 1 : 0;
  if (ttl === 'inherit' || (ttl !== undefined && before?.ttl === 'inherit')) data.ttlInherit = true;
  else if (ttl !== undefined) data.ttl = ttl === 'auto' ? 0 : ttl;
  if (ageingTime !== undefined) data.ageing = ageingTime / 1000;
  if (parent === undefined && Object.keys(data).length === 0) return undefined;
  return (indexOf) => ({ ...data, ...(parent !== undefined && { link: indexOf(parent) }) });
}

/** What a VXLAN says of itself. `parent` is the name of its lower device. */
export function vxlanOptionsOf(data: Data | undefined, parent: string | undefined): Options {
  const far = data?.group ?? data?.group6;
  const local = data?.local ?? data?.local6;
  const options: Options = { id: data?.id ?? 0 };
  if (local !== undefined) options.local = local;
  if (far !== undefined) options[isMulticast(parseAddress(far)) ? 'group' : 'remote'] = far;
  options.port = data?.port ?? 0;
  if (parent !== undefined) options.parent = parent;
  options.learning = (data?.learning ?? 0) !== 0;
  options.ttl = data?.ttlInherit ? 'inherit' : data?.ttl || 'auto';
  options.ageingTime = (data?.ageing ?? 0) * 1000;
  return options;
}
