import { describe, expect, test } from 'vitest';
import { AF } from '../../lib/netlink/constants.js';
import { IFA_F, IFF, messageName, RTM } from '../../lib/rtnetlink/constants.js';
import {
  addressFlagNames,
  linkFlagNames,
  operStates,
  protocols,
  routeTypes,
  scopes,
  tables,
} from '../../lib/rtnetlink/names.js';

describe('names as iproute2 prints them', () => {
  test.each([
    [tables, { 253: 'default', 254: 'main', 255: 'local', 1000: 1000 }],
    [
      protocols,
      { 0: 'unspec', 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra', 16: 'dhcp', 186: 'bgp', 17: 17 },
    ],
    [scopes, { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere', 7: 7 }],
    [
      routeTypes,
      { 0: 'none', 1: 'unicast', 2: 'local', 6: 'blackhole', 7: 'unreachable', 8: 'prohibit', 9: 'throw' },
    ],
    [
      operStates,
      { 0: 'unknown', 1: 'notpresent', 2: 'down', 3: 'lowerlayerdown', 4: 'testing', 5: 'dormant', 6: 'up' },
    ],
  ])('both ways', (names, expected) => {
    for (const [number, name] of Object.entries(expected)) {
      expect(names.nameOf(Number(number))).toBe(name);
      if (typeof name === 'string') expect(names.numberOf(name)).toBe(Number(number));
    }
    expect(names.numberOf('toString')).toBeUndefined();
  });

  test('messages', () => {
    expect(messageName(RTM.NEWLINK)).toBe('RTM_NEWLINK');
    expect(messageName(RTM.GETROUTE)).toBe('RTM_GETROUTE');
    expect(messageName(999)).toBe('message type 999');
  });

  test('flags of a link', () => {
    const { UP, RUNNING, LOWER_UP, BROADCAST, MULTICAST, LOOPBACK } = IFF;
    expect(linkFlagNames(LOOPBACK | UP | RUNNING | LOWER_UP)).toEqual(['LOOPBACK', 'UP', 'LOWER_UP']);
    expect(linkFlagNames(BROADCAST | MULTICAST)).toEqual(['BROADCAST', 'MULTICAST']);
    expect(linkFlagNames(BROADCAST | MULTICAST | UP)).toEqual(['NO-CARRIER', 'BROADCAST', 'MULTICAST', 'UP']);
  });

  test('flags of an address', () => {
    expect(addressFlagNames(IFA_F.PERMANENT, AF.INET)).toEqual([]);
    expect(addressFlagNames(IFA_F.SECONDARY, AF.INET)).toEqual(['secondary', 'dynamic']);
    expect(addressFlagNames(IFA_F.TEMPORARY | IFA_F.TENTATIVE, AF.INET6)).toEqual([
      'temporary',
      'tentative',
      'dynamic',
    ]);
  });
});
