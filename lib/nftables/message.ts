import type { Codec } from '../netlink/codec.js';
import { type MessageCodec, message } from '../netlink/message.js';
import { struct } from '../netlink/struct.js';

/** struct nfgenmsg; `resId` is the subsystem of a batch, or the lower half of the generation. */
export const nfgenmsg = struct((is) => ({ family: is.u8(), version: is.u8(), resId: is.be16() }));

type Nfgenmsg = { family: number; version: number; resId: number };

/** The codec of a message of nfnetlink. */
export function nfMessage<T, I>(
  name: string,
  attributes: Codec<T, I>,
): MessageCodec<Nfgenmsg & { attributes: T }, Partial<Nfgenmsg> & { attributes?: I }> {
  return message(name, nfgenmsg, attributes) as never;
}
