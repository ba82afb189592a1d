import type { TcpOptions } from './layers.js';
import { CUT_OFF, type Reader } from './reader.js';

export function readUdp(reader: Reader): void {
  reader.need(8);
  const length = reader.u16(4);
  if (length !== 0 && length < 8) throw CUT_OFF;
  reader.layers.push({
    layer: 'udp',
    sourcePort: reader.u16(0),
    destinationPort: reader.u16(2),
    length,
    checksum: reader.u16(6),
  });
  if (length !== 0) reader.end(length);
  reader.advance(8);
}

export function readTcp(reader: Reader): void {
  reader.need(20);
  const headerLength = (reader.u8(12) >> 4) * 4;
  if (headerLength < 20) throw CUT_OFF;
  reader.need(headerLength);
  const flags = reader.u8(13);
  const has = (bit: number) => (flags & bit) !== 0;
  reader.layers.push({
    layer: 'tcp',
    sourcePort: reader.u16(0),
    destinationPort: reader.u16(2),
    sequence: reader.u32(4),
    acknowledgment: reader.u32(8),
    flags: {
      fin: has(0x01),
      syn: has(0x02),
      rst: has(0x04),
      psh: has(0x08),
      ack: has(0x10),
      urg: has(0x20),
      ece: has(0x40),
      cwr: has(0x80),
    },
    window: reader.u16(14),
    checksum: reader.u16(16),
    urgentPointer: reader.u16(18),
    headerLength,
    options: readOptions(reader, headerLength),
  });
  reader.advance(headerLength);
}

/** Each option of a TCP header that is whole: its kind, and where its contents are. */
export function* tcpOptions(bytes: Uint8Array): Generator<{ kind: number; from: number; to: number }> {
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!;
    if (kind <= 1) {
      yield { kind, from: at + 1, to: at + 1 };
      if (kind === 0) return;
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) return;
    yield { kind, from: at + 2, to: at + length };
    at += length;
  }
}

function readOptions(reader: Reader, end: number): TcpOptions {
  const options: TcpOptions = { bytes: reader.slice(20, end) };
  for (const { kind, from, to } of tcpOptions(options.bytes)) {
    const [at, length] = [20 + from, to - from];
    if (kind === 2 && length === 2) options.mss = reader.u16(at);
    else if (kind === 3 && length === 1) options.windowScale = reader.u8(at);
    else if (kind === 4 && length === 0) options.sackPermitted = true;
    else if (kind === 5 && length % 8 === 0) {
      options.sack = Array.from({ length: length / 8 }, (_, i) => ({
        left: reader.u32(at + 8 * i),
        right: reader.u32(at + 8 * i + 4),
      }));
    } else if (kind === 8 && length === 8) {
      options.timestamps = { value: reader.u32(at), echo: reader.u32(at + 4) };
    }
  }
  return options;
}
