import { littleEndian } from '../netlink/bytes.js';
import { checkString, outOfRange } from '../syscalls/validate.js';

/** What libnftables keeps beside objects: a type, a length and that many bytes, again and again (libnftnl/udata.h). */

/** The same for tables, chains, rules, objects and elements. */
const COMMENT = 0;
/** NFTNL_UDATA_SET_*. */
export const UDATA_SET = { keyOrder: 0, dataOrder: 1, merge: 2, dataInterval: 6, comment: 7 } as const;
/** NFTNL_UDATA_COMMENT_MAXLEN. */
const LONGEST = 128;

export class Udata {
  readonly #parts: Uint8Array[] = [];

  put(type: number, value: Uint8Array): this {
    this.#parts.push(new Uint8Array([type, value.length]), value);
    return this;
  }

  putNumber(type: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, littleEndian);
    return this.put(type, bytes);
  }

  putText(type: number, text: string): this {
    checkString('comment', text);
    const bytes = Buffer.from(`${text}\0`);
    if (bytes.length > LONGEST) throw outOfRange('comment', `at most ${LONGEST - 1} bytes`, text);
    return this.put(type, bytes);
  }

  get bytes(): Uint8Array | undefined {
    return this.#parts.length === 0 ? undefined : new Uint8Array(Buffer.concat(this.#parts));
  }
}

/** By type; undefined where it is none of libnftables'. */
export function readUdata(bytes: Uint8Array | undefined): Map<number, Uint8Array> | undefined {
  const parts = new Map<number, Uint8Array>();
  if (!bytes) return parts;
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) return undefined;
    parts.set(bytes[at] as number, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return parts;
}

export function numberIn(part: Uint8Array | undefined): number | undefined {
  if (part?.length !== 4) return undefined;
  return new DataView(part.buffer, part.byteOffset, 4).getUint32(0, littleEndian);
}

export function textIn(part: Uint8Array | undefined): string | undefined {
  if (!part || part.at(-1) !== 0) return undefined;
  return Buffer.from(part.subarray(0, -1)).toString();
}

/** The user data of what has a comment, or bytes of its own. */
export function udataOf({
  comment,
  userdata,
}: {
  comment?: string;
  userdata?: Uint8Array;
}): Uint8Array | undefined {
  if (userdata !== undefined) return userdata;
  return comment === undefined ? undefined : new Udata().putText(COMMENT, comment).bytes;
}

/** The same when read: the bytes only where they say more than a comment. */
export function commentOf(bytes: Uint8Array | undefined): { comment?: string; userdata?: Uint8Array } {
  if (!bytes) return {};
  const parts = readUdata(bytes);
  const comment = textIn(parts?.get(COMMENT));
  if (comment === undefined) return { userdata: bytes };
  return parts?.size === 1 ? { comment } : { comment, userdata: bytes };
}
