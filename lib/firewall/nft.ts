import { concat } from './match.js';
import { ct, fib, meta } from './match-about.js';
import { ether, icmp, icmpv6, ip, ip6, sctp, tcp, th, udp } from './match-packet.js';
import {
  accept,
  cont,
  counter,
  drop,
  goto,
  jump,
  limit,
  log,
  notrack,
  quota,
  reject,
  ret,
} from './statements.js';
import { dnat, masquerade, redirect, snat } from './translate.js';

/**
 * The words of nft(8) as functions, for `expressions` of a rule: each gives a list of expressions, and a rule is a list
 * of those. `[nft.meta('iifname').is('br0'), nft.tcp.dport.is([80, 443]), nft.counter(), nft.accept()]`. What a field needs
 * to mean anything (a port: that it is TCP) is checked before it, as nft does.
 */
export const nft = {
  meta,
  ether,
  ip,
  ip6,
  tcp,
  udp,
  sctp,
  th,
  icmp,
  icmpv6,
  ct,
  fib,
  concat,
  accept,
  drop,
  ret,
  cont,
  jump,
  goto,
  counter,
  limit,
  quota,
  log,
  reject,
  notrack,
  snat,
  dnat,
  masquerade,
  redirect,
} as const;
