// A router advertisement by somebody who is no router (RFC 4861, 4.2).
import type { Netns } from 'nsnet';
import { parseAddress } from '../../../lib/netlink/addresses.js';
import { checksum, ethernet, ipv6 } from '../../capture/support/packets.js';

const ALL_NODES = { mac: '33:33:00:00:00:01', address: 'ff02::1' };
const ICMPV6 = 58;
const ROUTER = 'fe80::bad';
const PREFIX = 'fd00:bad::';

const u16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const ip = (text: string) => [...parseAddress(text).bytes];

/** From a link of a namespace, to all that hear it: "I am the router, and fd00:bad::/64 is here". */
export async function advertise(netns: Netns, link: string): Promise<void> {
  const { mac = '' } = (await netns.links.get(link)).info;
  const prefix = [3, 4, 64, 0xc0, ...u32(3600), ...u32(3600), ...u32(0), ...ip(PREFIX)];
  const message = [134, 0, 0, 0, 64, 0, ...u16(1800), ...u32(0), ...u32(0), ...prefix];
  const pseudo = [...ip(ROUTER), ...ip(ALL_NODES.address), ...u32(message.length), 0, 0, 0, ICMPV6];
  const sum = u16(checksum([...pseudo, ...message]));
  message[2] = sum[0]!;
  message[3] = sum[1]!;
  const packet = ipv6(ICMPV6, message, { from: ROUTER, to: ALL_NODES.address });
  // Only what no router has passed on is believed.
  packet[7] = 255;
  await using socket = await netns.packet({ link });
  await socket.send(ethernet(0x86dd, packet, { to: ALL_NODES.mac, from: mac }));
}

/** What of it a machine has believed: addresses and routes. */
export async function believed(netns: Netns): Promise<string[]> {
  const addresses = await netns.addresses.list({ family: 'inet6' });
  const routes = await netns.routes.list({ family: 'inet6' });
  return [
    ...addresses.filter(({ address }) => address.startsWith(PREFIX)).map(() => 'address'),
    ...routes
      .filter(({ gateway, destination }) => gateway === ROUTER || destination.startsWith(PREFIX))
      .map(({ destination }) => `route to ${destination}`)
      .sort(),
  ];
}
