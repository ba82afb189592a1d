import { checkObject } from '../syscalls/validate.js';
import { align, type Bytes } from './bytes.js';
import {
  type AnyCodec,
  type Codec,
  codec,
  type Flat,
  garbled,
  MAX_PAYLOAD,
  type Read,
  type Write,
} from './codec.js';
import type { StructCodec } from './struct.js';

export type ReadMessage<T, A> = Flat<T & { attributes: Read<A> }>;
export type WriteMessage<I, A> = Flat<I & { attributes?: Write<A> }>;

/** The codec of what follows struct nlmsghdr. */
export interface MessageCodec<T, I = T> extends Codec<T, I> {
  /** What it is, for errors: 'link'. */
  readonly name: string;
  size(value: I, name?: string): number;
  write(bytes: Bytes, offset: number, value: I, name?: string): number;
  /** Always gives a message: what is too short for its header throws EBADMSG. */
  read(bytes: Bytes, offset: number, length: number): T;
}

const others = ['attributes'];

/**
 * A message is a struct (ifinfomsg, rtmsg, …), whose fields lie flat in the object, and beside them `attributes`. It
 * may also be an attribute of another message, as the other end of a veth is.
 */
export function message<T, I, A extends AnyCodec>(
  name: string,
  header: StructCodec<T, I>,
  attributes: A,
): MessageCodec<ReadMessage<T, A>, WriteMessage<I, A>> {
  type Message = ReadMessage<T, A>;
  type Given = WriteMessage<I, A> & { attributes?: unknown };
  const begin = align(header.length);

  const layout = codec<Message, Given>({
    min: header.length,
    max: MAX_PAYLOAD,
    shape: { kind: 'message', header: header as AnyCodec, attributes, begin },
    size: (value, given = name) => {
      checkObject(given, value);
      const { attributes: content } = value;
      return content === undefined ? begin : begin + attributes.size(content, 'attributes', value);
    },
    write: (bytes, offset, value, given = name) => {
      checkObject(given, value);
      const end = header.writeAmong(bytes, offset, value, others);
      for (let at = end; at < offset + begin; at++) bytes.array[at] = 0;
      const { attributes: content } = value;
      if (content === undefined) return offset + begin;
      return attributes.write(bytes, offset + begin, content, 'attributes', value);
    },
    read: (bytes, offset, length) => {
      if (length < header.length) throw garbled(`A ${name} of ${length} bytes, shorter than its header`);
      const out = header.read(bytes, offset, header.length) as Record<string, unknown>;
      out.attributes = length > begin ? attributes.read(bytes, offset + begin, length - begin, out) : {};
      return out as Message;
    },
  });
  return { ...layout, name } as MessageCodec<Message, WriteMessage<I, A>>;
}
