import { openInternals } from '../namespaces/network.js';
import { parseMac } from '../netlink/addresses.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
  needs,
} from '../syscalls/validate.js';
import { checkAddressSpec } from './addresses.js';
import { checkBridgePort } from './bridge-port.js';
import type { LinkOptions } from './types.js';

const IFNAMSIZ = 16;
const ALTIFNAMSIZ = 128;

function fits(name: string, size: number): boolean {
  return (
    name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) < size && !/[\s/:%]/.test(name)
  );
}

/** What dev_valid_name() takes, without '%', of which the kernel would make a number. */
export function checkLinkName(name: unknown, argument = 'name'): asserts name is string {
  checkString(argument, name);
  if (!fits(name, IFNAMSIZ))
    throw invalidValue(argument, "a link name of 1 to 15 bytes without white space, '/', ':' or '%'", name);
}

export function checkAltName(name: unknown, argument = 'altNames'): asserts name is string {
  checkString(argument, name);
  if (name === '' || Buffer.byteLength(name) >= ALTIFNAMSIZ)
    throw invalidValue(argument, 'names of 1 to 127 bytes', name);
}

const COMMON = ['name', 'mtu', 'mac', 'alias', 'altNames', 'linkGroup', 'master', 'bridgePort', 'signal'];

function checkCommon(options: Omit<LinkOptions, 'netns'>): void {
  const { name, mtu, mac, alias, altNames, linkGroup, bridgePort, signal } = options;
  if (name !== undefined) checkLinkName(name);
  if (mtu !== undefined) checkInteger('mtu', mtu, 0, 0x7fffffff);
  if (mac !== undefined) parseMac('mac', mac);
  if (alias !== undefined) {
    checkString('alias', alias);
    if (Buffer.byteLength(alias) > 254) throw invalidValue('alias', 'at most 254 bytes', alias);
  }
  if (altNames !== undefined) {
    if (!Array.isArray(altNames)) throw invalidType('altNames', 'an array of strings', altNames);
    for (const altName of altNames) checkAltName(altName);
  }
  if (linkGroup !== undefined) checkInteger('linkGroup', linkGroup, 0, 0xffffffff);
  if (bridgePort !== undefined) checkBridgePort(bridgePort);
  checkSignal(signal);
}

/** Options of create(). `own` names the kind's own. */
export function checkLinkOptions(
  options: LinkOptions,
  own: readonly string[] = [],
  argument = 'options',
): void {
  checkObject(argument, options);
  checkKeys(argument, options, ['netns', 'addresses', 'up', ...COMMON, ...own]);
  openInternals(options.netns, `${argument}.netns`);
  checkCommon(options);
  if (options.up !== undefined) checkBoolean('up', options.up);
  if (options.bridgePort !== undefined && options.master == null)
    throw needs(`${argument}.bridgePort`, 'a bridge as its `master`');
  checkAddresses(options.addresses);
}

/** Changes of set(). */
export function checkLinkChanges(
  changes: Omit<LinkOptions, 'netns' | 'up' | 'addresses'>,
  own: readonly string[],
): void {
  checkObject('changes', changes);
  checkKeys('changes', changes, [...COMMON, ...own]);
  checkCommon(changes);
}

export function checkAddresses(addresses: LinkOptions['addresses']): void {
  if (addresses === undefined) return;
  if (!Array.isArray(addresses)) throw invalidType('addresses', 'an array', addresses);
  for (const address of addresses) checkAddressSpec(typeof address === 'string' ? { address } : address);
}
