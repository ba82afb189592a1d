import { attributes } from './attributes.js';
import { align, type Bytes, littleEndian } from './bytes.js';
import { garbled, type Read } from './codec.js';
import { NLM_F, NLMSG_HDRLEN } from './constants.js';
import type { Frame } from './frames.js';
import { raw, s64, string, u32, u64 } from './primitives.js';
import { nested, padding } from './table.js';

/** What a refused attribute should have been, enum netlink_policy_type_attr. */
export const policy = attributes({
  /** NL_ATTR_TYPE. */
  type: [1, u32],
  minValueSigned: [2, s64],
  maxValueSigned: [3, s64],
  minValue: [4, u64],
  maxValue: [5, u64],
  minLength: [6, u32],
  maxLength: [7, u32],
  policyIndex: [8, u32],
  policyMaxType: [9, u32],
  bitfield32Mask: [10, u32],
  pad: [11, padding],
  mask: [12, u64],
});

export type Policy = Read<typeof policy>;

/** enum nlmsgerr_attrs, there with NETLINK_EXT_ACK. */
const details = attributes({
  message: [1, string],
  offset: [2, u32],
  cookie: [3, raw],
  policy: [4, nested(policy)],
  missingType: [5, u32],
  missingNest: [6, u32],
});

/** The kernel's verdict on a request, or at the end of a dump. */
export interface Ack extends Read<typeof details> {
  /** Positive errno, 0 for success. */
  error: number;
  /** The kernel's own words: an error's reason, or a warning beside success. */
  message?: string;
  /** Where in the request, counted from its struct nlmsghdr, the attribute lies that was refused. */
  offset?: number;
  /** What some subsystems say about what they made. */
  cookie?: Uint8Array;
  policy?: Policy;
  /** Number of an attribute that should have been there, and where in the request lies what it should have been in. */
  missingType?: number;
  missingNest?: number;
}

function readAck(bytes: Bytes, { flags, offset, length }: Frame, begin: number): Ack {
  const end = offset + length;
  const error = Math.max(0, -bytes.view.getInt32(offset + NLMSG_HDRLEN, littleEndian));
  if ((flags & NLM_F.ACK_TLVS) === 0) return { error };
  if (begin > end) throw garbled('An ack is shorter than the request that it quotes');
  return { error, ...details.read(bytes, begin, end - begin) };
}

/**
 * Reads an NLMSG_ERROR. It quotes the request whole where it failed and NETLINK_CAP_ACK is off; else only the header.
 */
export function readError(bytes: Bytes, frame: Frame): Ack {
  const quoted = frame.offset + NLMSG_HDRLEN + 4;
  if (frame.length < 2 * NLMSG_HDRLEN + 4) throw garbled(`An NLMSG_ERROR of ${frame.length} bytes`);
  const capped = (frame.flags & NLM_F.CAPPED) !== 0;
  const length = capped ? NLMSG_HDRLEN : bytes.view.getUint32(quoted, littleEndian);
  return readAck(bytes, frame, quoted + align(length));
}

/** Reads an NLMSG_DONE. What failed after a dump had begun is told by it. */
export function readDone(bytes: Bytes, frame: Frame): Ack {
  if (frame.length < NLMSG_HDRLEN + 4) return { error: 0 };
  return readAck(bytes, frame, frame.offset + NLMSG_HDRLEN + 4);
}
