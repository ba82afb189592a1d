import { Bytes } from '../../lib/netlink/bytes.js';
import type { Codec } from '../../lib/netlink/codec.js';

/** The bytes of a value, in memory that is dirty before and guarded behind. */
export function encode<T, I>(codec: Codec<T, I>, value: I, name = 'value'): Uint8Array {
  const size = codec.size(value, name);
  const bytes = new Bytes(new Uint8Array(size + 8).fill(0xa5));
  const end = codec.write(bytes, 4, value, name);
  if (end - 4 !== size) throw new Error(`size() said ${size} bytes, write() took ${end - 4}`);
  if (bytes.array.some((byte, at) => (at < 4 || at >= end) && byte !== 0xa5))
    throw new Error('wrote beyond its bytes');
  return bytes.array.slice(4, end);
}

export function decode<T, I>(codec: Codec<T, I>, content: Uint8Array): T | undefined {
  const bytes = new Bytes(new Uint8Array([0xa5, 0xa5, 0xa5, 0xa5, ...content, 0xa5, 0xa5]));
  return codec.read(bytes, 4, content.length);
}

/** What comes back of a value that is written and read. */
export function roundTrip<T, I>(codec: Codec<T, I>, value: I): T | undefined {
  return decode(codec, encode(codec, value));
}
