import type { Tcp } from '../decode/layers.js';
import { tcpOptions } from '../decode/transport.js';

/** In the order in which tcpdump has them. */
const FLAGS = [
  ['fin', 'F'],
  ['syn', 'S'],
  ['rst', 'R'],
  ['psh', 'P'],
  ['ack', '.'],
  ['urg', 'U'],
  ['ece', 'E'],
  ['cwr', 'W'],
] as const;

export function flagsText({ flags }: Tcp): string {
  return FLAGS.map(([flag, letter]) => (flags[flag] ? letter : '')).join('') || 'none';
}

/** Sequence numbers as they are, `tcpdump -S`. */
export function tcpText(tcp: Tcp, length: number): string {
  const { flags, sequence, acknowledgment, window, urgentPointer, options } = tcp;
  const parts = [`Flags [${flagsText(tcp)}]`];
  if (length > 0) parts.push(`seq ${sequence}:${(sequence + length) >>> 0}`);
  else if (flags.syn || flags.fin || flags.rst) parts.push(`seq ${sequence}`);
  if (flags.ack) parts.push(`ack ${acknowledgment}`);
  parts.push(`win ${window}`);
  if (flags.urg) parts.push(`urg ${urgentPointer}`);
  const list = Array.from(tcpOptions(options.bytes), ({ kind, from, to }) =>
    optionText(options.bytes, kind, from, to),
  );
  if (list.length > 0) parts.push(`options [${list.join(',')}]`);
  parts.push(`length ${length}`);
  return parts.join(', ');
}

function optionText(bytes: Uint8Array, kind: number, from: number, to: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  const length = to - from;
  if (kind === 0) return 'eol';
  if (kind === 1) return 'nop';
  if (kind === 2 && length === 2) return `mss ${view.getUint16(0)}`;
  if (kind === 3 && length === 1) return `wscale ${view.getUint8(0)}`;
  if (kind === 4 && length === 0) return 'sackOK';
  if (kind === 5 && length % 8 === 0 && length > 0) {
    const blocks = Array.from(
      { length: length / 8 },
      (_, i) => `{${view.getUint32(8 * i)}:${view.getUint32(8 * i + 4)}}`,
    );
    return `sack ${blocks.length} ${blocks.join('')}`;
  }
  if (kind === 8 && length === 8) return `TS val ${view.getUint32(0)} ecr ${view.getUint32(4)}`;
  return `unknown-${kind}`;
}
