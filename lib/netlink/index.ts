/**
 * Netlink for message families of one's own: tables of data from which type, encoder and decoder follow, and a
 * connection that sends requests together and matches their answers. The families nsnet knows are behind `Netns`.
 */
import { Fd } from '../syscalls/fd.js';
import { Connection } from './connection.js';
import { configureNetlink } from './socket.js';

export type { Ack } from './ack.js';
export * as addressCodecs from './address-codecs.js';
export { readAnswer } from './answer.js';
export type { UnknownAttribute } from './attribute-wire.js';
export { attributes } from './attributes.js';
export { Bytes } from './bytes.js';
export type { Codec, Read, Write } from './codec.js';
export { Connection } from './connection.js';
export { AF, NETLINK, NLM_F, NLMSG } from './constants.js';
export { list } from './list.js';
export { type MessageCodec, message } from './message.js';
export * as primitives from './primitives.js';
export { records } from './records.js';
export type { Answer, Request } from './request.js';
export { type StructCodec, struct } from './struct.js';
export { multi, nested, padding, select, selectByHeader } from './table.js';

/**
 * A connection over a netlink socket, such as `socket(AF.NETLINK, 3, NETLINK.ROUTE, { inside: { net: netns } })` of
 * nsnet/syscalls makes. The descriptor is duplicated; close() of the connection closes its own.
 */
export function connect(fd: number, subject = 'a netlink socket'): Connection {
  const copy = configureNetlink(Fd.duplicate(fd));
  return new Connection(async () => copy, subject, copy);
}
