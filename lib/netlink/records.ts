import { checkObject, invalidType, outOfRange } from '../syscalls/validate.js';
import { align, littleEndian } from './bytes.js';
import { type AnyCodec, type Codec, codec, garbled, MAX_PAYLOAD } from './codec.js';
import type { MessageCodec } from './message.js';

/**
 * Messages one after the other, each with its length in its first two bytes instead of an attribute around it: the
 * struct rtnexthop of RTA_MULTIPATH. The length is no field of the object.
 */
export function records<T, I>(element: MessageCodec<T, I>): Codec<T[], readonly I[]> {
  return codec<T[], readonly I[]>({
    min: 0,
    max: MAX_PAYLOAD,
    shape: { kind: 'records', element: element as AnyCodec },
    size: (value, name) => {
      if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
      return value.reduce((total: number, item: I) => total + align(element.size(item, name)), 0);
    },
    write: (bytes, offset, value, name) => {
      if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
      let at = offset;
      for (const item of value as readonly I[]) {
        checkObject(name, item);
        const end = element.write(bytes, at, item, name);
        if (end - at > MAX_PAYLOAD) throw outOfRange(name, `at most ${MAX_PAYLOAD} bytes`, end - at);
        bytes.view.setUint16(at, end - at, littleEndian);
        at = end;
      }
      return at;
    },
    read: (bytes, offset, total) => {
      const items: T[] = [];
      const end = offset + total;
      for (let at = offset; at < end; ) {
        const length = end - at < 2 ? 0 : bytes.view.getUint16(at, littleEndian);
        if (length < element.min || length < 2 || length > end - at) {
          throw garbled(`A record claims ${length} bytes where ${end - at} are left`);
        }
        items.push(element.read(bytes, at, length));
        at += align(length);
      }
      return items;
    },
  });
}
