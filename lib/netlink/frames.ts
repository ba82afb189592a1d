import { checkInteger, invalidValue } from '../syscalls/validate.js';
import { align, Bytes, littleEndian } from './bytes.js';
import { type Codec, garbled } from './codec.js';
import { NLMSG_HDRLEN } from './constants.js';

/** struct nlmsghdr, without the length. */
export interface Header {
  type: number;
  /** NLM_F. */
  flags: number;
  /** Sequence number: an answer carries its request's. 0 in notifications. */
  seq: number;
  /** Port (nlmsg_pid) of the socket the message belongs to. 0 in requests. */
  port: number;
}

/** A message where it lies in a datagram. */
export interface Frame extends Header {
  /** Where its struct nlmsghdr begins. */
  offset: number;
  /** Bytes, its header included and its padding not. */
  length: number;
}

/** The nlmsg_len of the message at `at`, which fits in what is left before `end`. */
export function messageLength({ view }: Bytes, at: number, end: number): number {
  const left = end - at;
  if (left < NLMSG_HDRLEN) throw garbled(`${left} bytes are left where a message should begin`);
  const size = view.getUint32(at, littleEndian);
  if (size < NLMSG_HDRLEN || size > left)
    throw garbled(`A message claims ${size} bytes where ${left} are left`);
  return size;
}

/**
 * The messages of a datagram that fills `bytes` from `offset` on. Throws EBADMSG, for all of them, unless they take
 * up the whole of it.
 */
export function framesOf(bytes: Bytes, offset = 0, length = bytes.length - offset): Frame[] {
  const { view } = bytes;
  const end = offset + length;
  const frames: Frame[] = [];
  for (let at = offset; at < end; ) {
    const size = messageLength(bytes, at, end);
    frames.push({
      type: view.getUint16(at + 4, littleEndian),
      flags: view.getUint16(at + 6, littleEndian),
      seq: view.getUint32(at + 8, littleEndian),
      port: view.getUint32(at + 12, littleEndian),
      offset: at,
      length: size,
    });
    at += align(size);
  }
  return frames;
}

/** Reads what follows the header of a message. */
export function readFrame<T, I>(codec: Codec<T, I>, bytes: Bytes, { type, offset, length }: Frame): T {
  const value = codec.read(bytes, offset + NLMSG_HDRLEN, length - NLMSG_HDRLEN);
  if (value === undefined) throw garbled(`A message of type ${type} does not hold what its type says`);
  return value;
}

/** Writes a struct nlmsghdr for a message of `length` bytes, the header included. */
export function writeHeader(
  bytes: Bytes,
  offset: number,
  length: number,
  { type, flags, seq, port }: Header,
): void {
  checkInteger('type', type, 0, 0xffff);
  checkInteger('flags', flags, 0, 0xffff);
  checkInteger('seq', seq, 0, 0xffffffff);
  checkInteger('port', port, 0, 0xffffffff);
  bytes.view.setUint32(offset, length, littleEndian);
  bytes.view.setUint16(offset + 4, type, littleEndian);
  bytes.view.setUint16(offset + 6, flags, littleEndian);
  bytes.view.setUint32(offset + 8, seq, littleEndian);
  bytes.view.setUint32(offset + 12, port, littleEndian);
}

/** Bytes a message takes up in a datagram, its header and padding included. */
export function sizeMessage<T, I>(codec: Codec<T, I>, value: I): number {
  return NLMSG_HDRLEN + align(codec.size(value, 'message'));
}

/**
 * Writes a whole message at `offset`, a multiple of four where there is room for sizeMessage(), and returns the offset
 * after its padding, where the next one may begin.
 */
export function writeMessage<T, I>(
  bytes: Bytes,
  offset: number,
  header: Header,
  codec: Codec<T, I>,
  value: I,
): number {
  let end = codec.write(bytes, offset + NLMSG_HDRLEN, value, 'message');
  const next = offset + align(end - offset);
  if (next > bytes.length) throw invalidValue('bytes', `room for ${next - offset} bytes`, bytes);
  writeHeader(bytes, offset, end - offset, header);
  while (end < next) bytes.array[end++] = 0;
  return next;
}

/** A message in memory of its own. */
export function encodeMessage<T, I>(header: Header, codec: Codec<T, I>, value: I): Uint8Array {
  const bytes = Bytes.alloc(sizeMessage(codec, value));
  writeMessage(bytes, 0, header, codec, value);
  return bytes.array;
}
