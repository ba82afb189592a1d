// What the kernel's and libpcap's interpreters of classic BPF do with a packet (linux/filter.h, bpf_filter(3)).
import { instructionsOf } from '../../processes/seccomp/bpf.js';

/** What lies beside the bytes of a packet, by the offset at which it is loaded. */
export type Ancillary = Readonly<Record<number, number>>;

/** How many bytes of the packet the program takes; loading what is not there ends it with 0. */
export function filterPacket(program: Uint8Array, packet: Uint8Array, ancillary: Ancillary = {}): number {
  const code = instructionsOf(program);
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const memory = new Array<number>(16).fill(0);
  let [a, x, at] = [0, 0, 0];
  for (;;) {
    const instruction = code[at++];
    if (!instruction) throw new RangeError('the program goes on behind its end');
    const [op, yes, no, k] = instruction;
    const by = op & 0x08 ? x : k;
    switch (op & 7) {
      case 0: {
        const mode = op & 0xe0;
        if (mode === 0) a = k;
        else if (mode === 0x60) a = memory[k]!;
        else if (mode === 0x80) a = packet.length;
        else {
          const special = mode === 0x20 ? ancillary[k] : undefined;
          const size = { 0: 4, 8: 2, 16: 1 }[op & 0x18]!;
          const from = mode === 0x40 ? (x + k) >>> 0 : k;
          if (special !== undefined) a = special;
          else if (from + size > packet.length) return 0;
          else
            a = size === 4 ? view.getUint32(from) : size === 2 ? view.getUint16(from) : view.getUint8(from);
        }
        break;
      }
      case 1:
        if ((op & 0xe0) === 0xa0) {
          if (k >= packet.length) return 0;
          x = (packet[k]! & 0x0f) * 4;
        } else x = (op & 0xe0) === 0x60 ? memory[k]! : k;
        break;
      case 2:
        memory[k] = a;
        break;
      case 4: {
        const result = arithmetic(op & 0xf0, a, by);
        if (result === undefined) return 0;
        a = result >>> 0;
        break;
      }
      case 5: {
        const test = op & 0xf0;
        if (test === 0) at += k;
        else {
          const holds =
            test === 0x10 ? a === by : test === 0x20 ? a > by : test === 0x30 ? a >= by : (a & by) !== 0;
          at += holds ? yes : no;
        }
        break;
      }
      case 6:
        return k;
      default:
        x = a;
    }
  }
}

function arithmetic(operation: number, a: number, by: number): number | undefined {
  switch (operation) {
    case 0x00:
      return a + by;
    case 0x10:
      return a - by;
    case 0x20:
      return Math.imul(a, by);
    case 0x30:
      return by === 0 ? undefined : Math.floor(a / by);
    case 0x40:
      return a | by;
    case 0x50:
      return a & by;
    case 0x60:
      return by > 31 ? 0 : a << by;
    case 0x70:
      return by > 31 ? 0 : a >>> by;
    case 0x80:
      return -a;
    case 0x90:
      return by === 0 ? undefined : a % by;
    default:
      return a ^ by;
  }
}
