import { AF } from '../netlink/constants.js';
import { IF_OPER, IFA_F, IFF, RT_SCOPE, RT_TABLE, RTN, RTPROT } from './constants.js';

/**
 * Names for numbers, as iproute2 prints them. Only the built-in ones: what an administrator adds in /etc/iproute2
 * stays a number here.
 */
export interface Names {
  /** The name, or the number where it has none. */
  nameOf(number: number): string | number;
  /** The number; undefined for a name that is not known. */
  numberOf(name: string): number | undefined;
  readonly names: readonly string[];
}

function names(numbers: Record<string, number>, renamed: Record<string, string> = {}): Names {
  const entries = Object.entries(numbers).map(
    ([key, number]) => [renamed[key] ?? key.toLowerCase(), number] as const,
  );
  const byName = new Map(entries);
  const byNumber = new Map(entries.map(([name, number]) => [number, name]));
  return {
    nameOf: (number) => byNumber.get(number) ?? number,
    numberOf: (name) => byName.get(name),
    names: [...byName.keys()],
  };
}

/** Routing tables. */
export const tables = names({ DEFAULT: RT_TABLE.DEFAULT, MAIN: RT_TABLE.MAIN, LOCAL: RT_TABLE.LOCAL });

/** Who made a route: 'kernel', 'boot', 'static', … */
export const protocols = names(RTPROT);

export const scopes = names(RT_SCOPE, { UNIVERSE: 'global' });

export const routeTypes = names({ ...RTN }, { UNSPEC: 'none' });

/** Operational states of a link: 'up', 'down', 'lowerlayerdown', 'unknown', 'dormant', 'notpresent', 'testing'. */
export const operStates = names(IF_OPER);

/** Flags of a link in the order in which `ip link` prints them; RUNNING shows only by its absence. */
export function linkFlagNames(flags: number): string[] {
  const shown = [
    'LOOPBACK',
    'BROADCAST',
    'POINTOPOINT',
    'MULTICAST',
    'NOARP',
    'ALLMULTI',
    'PROMISC',
    'MASTER',
    'SLAVE',
    'DEBUG',
    'DYNAMIC',
    'AUTOMEDIA',
    'PORTSEL',
    'NOTRAILERS',
    'UP',
    'LOWER_UP',
    'DORMANT',
    'ECHO',
  ] as const;
  const set: string[] = shown.filter((name) => flags & IFF[name]);
  return flags & IFF.UP && !(flags & IFF.RUNNING) ? ['NO-CARRIER', ...set] : set;
}

/** Flags of an address as `ip -j addr` names them; an address that is not permanent is 'dynamic'. */
export function addressFlagNames(flags: number, family: number): string[] {
  const shown: [string, number][] = [
    [family === AF.INET6 ? 'temporary' : 'secondary', IFA_F.SECONDARY],
    ['nodad', IFA_F.NODAD],
    ['optimistic', IFA_F.OPTIMISTIC],
    ['dadfailed', IFA_F.DADFAILED],
    ['home', IFA_F.HOMEADDRESS],
    ['deprecated', IFA_F.DEPRECATED],
    ['tentative', IFA_F.TENTATIVE],
    ['dynamic', IFA_F.PERMANENT],
    ['mngtmpaddr', IFA_F.MANAGETEMPADDR],
    ['noprefixroute', IFA_F.NOPREFIXROUTE],
    ['autojoin', IFA_F.MCAUTOJOIN],
    ['stable-privacy', IFA_F.STABLE_PRIVACY],
  ];
  return shown.filter(([name, bit]) => ((flags & bit) !== 0) !== (name === 'dynamic')).map(([name]) => name);
}
