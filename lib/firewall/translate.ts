import { checkInteger, checkKeys, checkObject, invalidValue, needs } from '../syscalls/validate.js';
import { dataType, padded } from './datatypes.js';
import { spanOf } from './key.js';
import { immediate, type Mapped } from './match.js';
import { REGISTER, registerAt } from './registers.js';
import type { Expression } from './types.js';

/** Translation of addresses and ports: in chains of type nat. */

interface Choice {
  /** Which port is taken. */
  random?: boolean;
  fullyRandom?: boolean;
  /** The same client gets the same address. */
  persistent?: boolean;
}

export interface NatOptions extends Choice {
  family: 'ip' | 'ip6';
  /** '10.0.0.2', '10.0.0.2-10.0.0.9'. */
  address?: string;
  /** 8080, '8000-8999'. Needs a check of the protocol in the rule. */
  port?: number | string;
  /** Instead: what comes out of a map to an address, or to an address and a port. */
  map?: Mapped;
  /** What the map gives. Default 'address . port'. */
  gives?: 'address' | 'address . port';
}

type NatFlag = 'port' | 'random' | 'fully-random' | 'persistent';

function flagsOf({ random, fullyRandom, persistent }: Choice, port: boolean): { flags?: NatFlag[] } {
  const flags: NatFlag[] = [];
  if (port) flags.push('port');
  if (random) flags.push('random');
  if (fullyRandom) flags.push('fully-random');
  if (persistent) flags.push('persistent');
  return flags.length === 0 ? {} : { flags };
}

/** The next of four registers of sixteen bytes. */
class Registers {
  readonly load: Expression[] = [];
  #next = REGISTER;

  put(data: Uint8Array): number {
    this.load.push(immediate(this.#next, data));
    return this.#next++;
  }

  /** Both ends, or one. */
  span(
    type: 'ipv4_addr' | 'ipv6_addr' | 'inet_service',
    value: string | number,
    name: string,
  ): [number, number?] {
    const { low, high } = spanOf(dataType(type), value, name);
    const first = this.put(low);
    return low === high ? [first] : [first, this.put(high)];
  }
}

const KEYS = ['family', 'address', 'port', 'map', 'gives', 'random', 'fullyRandom', 'persistent'];

function nat(kind: 'snat' | 'dnat', options: NatOptions): Expression[] {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { family, address, port, map, gives = 'address . port' } = options;
  if (family !== 'ip' && family !== 'ip6') throw invalidValue('family', 'ip or ip6', family);
  const type = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  if (map !== undefined) {
    if (address !== undefined || port !== undefined)
      throw invalidValue('map', 'none beside an address or port', map);
    checkObject('map', map);
    const behind = registerAt(padded(dataType(type).size));
    const portMin = gives === 'address' ? {} : { portMin: behind };
    return [
      ...map.load,
      { type: 'nat', kind, family, addrMin: REGISTER, ...portMin, ...flagsOf(options, false) },
    ];
  }
  if (address === undefined && port === undefined) throw needs(kind, 'an address, a port or a map');
  const registers = new Registers();
  const [addrMin, addrMax] = address === undefined ? [] : registers.span(type, address, 'address');
  const [portMin, portMax] = port === undefined ? [] : registers.span('inet_service', port, 'port');
  const given = Object.entries({ addrMin, addrMax, portMin, portMax }).filter(([, one]) => one !== undefined);
  const flags = flagsOf(options, port !== undefined);
  return [...registers.load, { type: 'nat', kind, family, ...Object.fromEntries(given), ...flags }];
}

/** Another source, for postrouting and input. */
export const snat = (options: NatOptions): Expression[] => nat('snat', options);
/** Another destination, for prerouting and output. */
export const dnat = (options: NatOptions): Expression[] => nat('dnat', options);

export interface MasqueradeOptions extends Choice {
  /** Ports to choose from: '1024-65535'. Needs a check of the protocol in the rule. */
  port?: number | string;
}

function portsOnly(options: MasqueradeOptions): { load: Expression[]; portMin?: number; portMax?: number } {
  checkObject('options', options);
  checkKeys('options', options, ['port', 'random', 'fullyRandom', 'persistent']);
  const registers = new Registers();
  if (options.port === undefined) return { load: [] };
  if (typeof options.port === 'number') checkInteger('port', options.port, 0, 0xffff);
  const [portMin, portMax] = registers.span('inet_service', options.port, 'port');
  return { load: registers.load, portMin, ...(portMax !== undefined && { portMax }) };
}

/** The source becomes the address of the interface that it leaves by. */
export function masquerade(options: MasqueradeOptions = {}): Expression[] {
  const { load, ...ports } = portsOnly(options);
  return [...load, { type: 'masq', ...ports, ...flagsOf(options, options.port !== undefined) }];
}

/** To this host itself. */
export function redirect(options: MasqueradeOptions = {}): Expression[] {
  const { load, ...ports } = portsOnly(options);
  return [...load, { type: 'redir', ...ports, ...flagsOf(options, options.port !== undefined) }];
}
