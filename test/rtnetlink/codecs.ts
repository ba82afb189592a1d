import type { AnyCodec } from '../../lib/netlink/codec.js';
import { address } from '../../lib/rtnetlink/address.js';
import { link } from '../../lib/rtnetlink/link.js';
import { neighbour } from '../../lib/rtnetlink/neighbour.js';
import { route } from '../../lib/rtnetlink/route.js';

/** The codec of a message of type RTM_*. */
export function codecOf(type: number): AnyCodec {
  const families: Record<number, unknown> = { 4: link, 5: address, 6: route, 7: neighbour, 27: link };
  return families[type >> 2] as AnyCodec;
}
