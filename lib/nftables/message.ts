import type { Codec } from '../netlink/codec.js';
import { type MessageCodec, message } from '../netlink/message.js';
import { nfgenmsg } from '../netlink/nfgenmsg.js';

type Nfgenmsg = { family: number; version: number; resId: number };

/** The codec of a message of nfnetlink. */
export function nfMessage<T, I>(
  name: string,
  attributes: Codec<T, I>,
): MessageCodec<Nfgenmsg & { attributes: T }, Partial<Nfgenmsg> & { attributes?: I }> {
  return message(name, nfgenmsg, attributes) as never;
}
