import { invalidType } from '../syscalls/validate.js';
import { afterAttribute, attributeLength, sizeAttribute, writeAttribute } from './attribute-wire.js';
import { type AnyCodec, type Codec, codec, MAX_PAYLOAD } from './codec.js';
import { NLA_HDRLEN } from './constants.js';

/**
 * The kernel's nested array: attributes one after the other that are numbered instead of named, here from `first` by
 * `step`. Their numbers are not read.
 */
export function list<T, I>(element: Codec<T, I>, first = 0, step = 1): Codec<T[], readonly I[]> {
  return codec<T[], readonly I[]>({
    min: 0,
    max: MAX_PAYLOAD,
    shape: { kind: 'list', element: element as AnyCodec },
    size: (value, name, outer) => {
      if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
      return value.reduce((total: number, item: I) => total + sizeAttribute(element, item, name, outer), 0);
    },
    write: (bytes, offset, value, name, outer) => {
      if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
      let at = offset;
      for (let i = 0; i < value.length; i++) {
        at = writeAttribute(bytes, at, first + i * step, element, value[i], name, outer);
      }
      return at;
    },
    read: (bytes, offset, length, outer) => {
      const items: T[] = [];
      const end = offset + length;
      for (let at = offset; at < end; ) {
        const size = attributeLength(bytes, at, end);
        const payload = size - NLA_HDRLEN;
        if (payload < element.min || payload > element.max) return undefined;
        const item = element.read(bytes, at + NLA_HDRLEN, payload, outer);
        if (item === undefined) return undefined;
        items.push(item);
        at = afterAttribute(at, size);
      }
      return items;
    },
  });
}
