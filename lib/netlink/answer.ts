import { garbled } from './codec.js';
import type { MessageCodec } from './message.js';
import type { Answer } from './request.js';

/** Decodes a message that answered a request. */
export function readAnswer<T, I>(codec: MessageCodec<T, I>, { bytes, offset, length, type }: Answer): T {
  const value = codec.read(bytes, offset, length);
  if (value === undefined) throw garbled(`A message of type ${type} does not hold what its type says`);
  return value;
}
