// What a machine of the LAN can put on the wire that its own kernel would not send: packets for the host's 127.0.0.1.
import type { Netns } from 'nsnet';
import { parseAddress } from '../../../lib/netlink/addresses.js';
import { checksum, ethernet, ipv4 } from '../../capture/support/packets.js';
import { type Answer, ask, PATIENCE, parseAnswer, type Transport } from './echo.js';

const IPV4 = 0x0800;
const PROTOCOL = { tcp: 6, udp: 17 } as const;
const FIN = 1;
const SYN = 2;
const RST = 4;
const PSH = 8;
const ACK = 16;

const u16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const ip = (text: string) => [...parseAddress(text).bytes];

/** Where a crafted packet goes to and says to come from. */
export interface Crafted {
  /**
   * An address of the receiver's that does answer. It is asked first: who does not know the sender's MAC would ask for it
   * in the name of 127.0.0.1, and nobody answers that.
   */
  meet: string;
  /** Whose link `link` the frames leave by. */
  netns: Netns;
  link: string;
  /** Of the frame. */
  mac: { from: string; to: string };
  from: string;
  to: string;
  port: number;
  transport: Transport;
}

/** A TCP segment or a UDP datagram with the right checksum, in a frame. */
function frame(
  { mac, from, to, port, transport }: Crafted,
  ownPort: number,
  part: { flags: number; sequence: number; acknowledged: number },
  payload: readonly number[] = [],
): Uint8Array {
  const length = (transport === 'tcp' ? 20 : 8) + payload.length;
  const header =
    transport === 'udp'
      ? [...u16(ownPort), ...u16(port), ...u16(length), 0, 0]
      : [
          ...u16(ownPort),
          ...u16(port),
          ...u32(part.sequence),
          ...u32(part.acknowledged),
          5 << 4,
          part.flags,
          ...u16(8192),
          0,
          0,
          0,
          0,
        ];
  const pseudo = [...ip(from), ...ip(to), 0, PROTOCOL[transport], ...u16(length)];
  const at = transport === 'udp' ? 6 : 16;
  const sum = u16(checksum([...pseudo, ...header, ...payload]));
  header[at] = sum[0]!;
  header[at + 1] = sum[1]!;
  return ethernet(IPV4, ipv4(PROTOCOL[transport], [...header, ...payload], { from, to }), {
    from: mac.from,
    to: mac.to,
  });
}

/** What came back of the conversation, or undefined of anything else. */
function reply(bytes: Uint8Array, { from, to, port, transport }: Crafted, ownPort: number) {
  const packet = bytes.subarray(14);
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet.length < 28 || packet[9] !== PROTOCOL[transport]) return undefined;
  const matches = (offset: number, address: string) =>
    ip(address).every((byte, i) => packet[offset + i] === byte);
  if (!matches(12, to) || !matches(16, from)) return undefined;
  const header = (packet[0]! & 0xf) * 4;
  if (view.getUint16(header) !== port || view.getUint16(header + 2) !== ownPort) return undefined;
  const end = view.getUint16(2);
  if (transport === 'udp') return { flags: 0, sequence: 0, data: packet.subarray(header + 8, end) };
  return {
    flags: packet[header + 13]!,
    sequence: view.getUint32(header + 4),
    data: packet.subarray(header + (packet[header + 12]! >> 4) * 4, end),
  };
}

let lastPort = 40_000;

/** Has the conversation by hand that ask() leaves to the kernel; undefined where nobody answers. */
export async function askByHand(crafted: Crafted): Promise<Answer | undefined> {
  const { netns, link, transport, meet } = crafted;
  await ask(netns, 'tcp', meet, 1);
  const ownPort = ++lastPort;
  await using socket = await netns.packet({ link, protocol: IPV4 });
  const first = 1000;
  const question = [...Buffer.from('who?\n')];
  const open = { flags: transport === 'tcp' ? SYN : 0, sequence: first, acknowledged: 0 };
  await socket.send(frame(crafted, ownPort, open, transport === 'udp' ? question : []));
  try {
    for await (const { bytes } of socket.messages({ signal: AbortSignal.timeout(PATIENCE) })) {
      const came = reply(bytes, crafted, ownPort);
      if (came === undefined) continue;
      if (came.flags & RST) return undefined;
      if (came.data.length > 0) return parseAnswer(Buffer.from(came.data).toString());
      if ((came.flags & (SYN | ACK)) === (SYN | ACK))
        await socket.send(
          frame(crafted, ownPort, {
            flags: ACK,
            sequence: first + 1,
            acknowledged: (came.sequence + 1) >>> 0,
          }),
        );
      else if (came.flags & (FIN | PSH)) return undefined;
    }
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError' && (error as Error).name !== 'AbortError') throw error;
  }
  return undefined;
}
