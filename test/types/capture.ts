// Compiled, never run: captures.
import {
  type BpfInstruction,
  type Capture,
  type CaptureStats,
  type Decoded,
  decode,
  type Ipv4,
  type Netns,
  type Packet,
  sequenceDiagram,
  type Tcp,
} from 'nsnet';
import type { Equal, Expect } from './assert.js';

export async function capturing(netns: Netns, signal: AbortSignal): Promise<void> {
  const program: BpfInstruction[] = [{ code: 6, jt: 0, jf: 0, k: 96 }];
  const captures: Capture[] = [
    netns.capture(),
    netns.capture({ links: 'eth0', filter: 'tcp port 80', snaplen: 96, signal }),
    netns.capture({ links: ['eth0', 2], filter: program, file: 'x.pcapng', promiscuous: true, buffer: '8M' }),
  ];
  const iterator: AsyncIterableIterator<Packet> = captures[0] as Capture;
  const disposable: AsyncDisposable = captures[0] as Capture;
  for await (const packet of captures[1] as Capture) {
    type _Packet = Expect<Equal<typeof packet, Packet>>;
    const time: bigint = packet.time;
    const ip: Ipv4 | undefined = packet.ipv4;
    const tcp: Tcp | undefined = packet.tcp;
    for (const layer of packet.layers) if (layer.layer === 'udp') void layer.sourcePort.toFixed();
    // @ts-expect-error: a packet may have none
    void packet.tcp.flags;
    // @ts-expect-error: constants
    packet.time = 5n;
    void [time, ip, tcp];
  }
  const ready: Promise<void> = (captures[0] as Capture).ready;
  const stats: CaptureStats = (captures[0] as Capture).stats();
  const decoded: Decoded = decode(new Uint8Array(), 'raw');
  const packets: Packet[] = [];
  const text: string = sequenceDiagram(packets, { names: { '10.0.0.1': 'test1' } });
  // @ts-expect-error: misspelt
  netns.capture({ filtre: 'tcp' });
  // @ts-expect-error: no such type of link
  decode(new Uint8Array(), 'wifi');
  void [iterator, disposable, ready, stats, decoded, text];
}
