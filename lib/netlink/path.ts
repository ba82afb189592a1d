import { Bytes } from './bytes.js';
import type { AnyCodec } from './codec.js';
import { NLMSG_HDRLEN } from './constants.js';

function placeAt(codec: AnyCodec, request: Uint8Array, offset: number) {
  return codec.inside?.find(new Bytes(request), NLMSG_HDRLEN, request.length, offset);
}

/**
 * Names the attribute of a request that the kernel points at: 'linkinfo.data.id', 'multipath[1].gateway', or
 * 'linkinfo.#9' where it has no name. `request` begins with its struct nlmsghdr, which `offset` counts from.
 */
export function attributePath(codec: AnyCodec, request: Uint8Array, offset: number): string | undefined {
  return placeAt(codec, request, offset)?.path;
}

/** Names an attribute that the kernel misses, from Ack.missingType and, unless it is of the top level, missingNest. */
export function missingPath(
  codec: AnyCodec,
  request: Uint8Array,
  type: number,
  nest?: number,
): string | undefined {
  if (nest === undefined) return codec.inside?.names.get(type) ?? `#${type}`;
  const place = placeAt(codec, request, nest);
  return place && `${place.path}.${place.inside?.names.get(type) ?? `#${type}`}`;
}
