import { afterAttribute, attributeLength, attributeType } from './attribute-wire.js';
import { siblings } from './attributes.js';
import { align, Bytes, littleEndian } from './bytes.js';
import type { AnyCodec } from './codec.js';
import { NLA_HDRLEN, NLA_TYPE_MASK, NLMSG_HDRLEN } from './constants.js';
import type { AttributesShape, ElementsShape } from './shape.js';
import { chosen } from './table.js';

/** A way down to an attribute: what to append to the path for each step, and what the last step holds. */
interface Place {
  steps: string[];
  layout: AnyCodec | undefined;
}

/** Looks for the innermost attribute that covers `target`. */
class Search {
  readonly #bytes: Bytes;
  readonly #target: number;

  constructor(bytes: Bytes, target: number) {
    this.#bytes = bytes;
    this.#target = target;
  }

  in(layout: AnyCodec | undefined, start: number, end: number, outer?: object): Place | undefined {
    const shape = layout?.shape;
    if (shape?.kind === 'attributes') return this.#inAttributes(shape, start, end, outer);
    if (shape?.kind === 'list' || shape?.kind === 'records') return this.#inElements(shape, start, end);
    if (shape?.kind !== 'message' || end - start < shape.begin) return undefined;
    const header = shape.header.read(this.#bytes, start, shape.begin) as object;
    return this.in(shape.attributes, start + shape.begin, end, header);
  }

  #covers(at: number, length: number): boolean {
    return this.#target >= at && this.#target < at + length;
  }

  #inAttributes({ fields }: AttributesShape, start: number, end: number, outer?: object): Place | undefined {
    const seen = new Map<number, number>();
    for (let at = start; at < end; ) {
      const length = attributeLength(this.#bytes, at, end);
      const type = attributeType(this.#bytes, at) & NLA_TYPE_MASK;
      const index = seen.get(type) ?? 0;
      seen.set(type, index + 1);
      if (this.#covers(at, length)) {
        const field = [...fields.values()].find((one) => one.type === type);
        if (!field) return { steps: [`.#${type}`], layout: undefined };
        const beside = siblings(this.#bytes, start, end, field, fields);
        const layout = field.layout ?? (field.selected && chosen(field.selected, beside, outer));
        const step = `.${field.name}${field.multi ? `[${index}]` : ''}`;
        return this.#step(step, layout, at + NLA_HDRLEN, at + length, beside);
      }
      at = afterAttribute(at, length);
    }
    return undefined;
  }

  #inElements({ kind, element }: ElementsShape, start: number, end: number): Place | undefined {
    let index = 0;
    for (let at = start; at < end; index++) {
      const length = end - at < NLA_HDRLEN ? 0 : this.#bytes.view.getUint16(at, littleEndian);
      const begin = kind === 'list' ? at + NLA_HDRLEN : at;
      if (length < NLA_HDRLEN || length > end - at) return undefined;
      if (this.#covers(at, length)) return this.#step(`[${index}]`, element, begin, at + length);
      at += align(length);
    }
    return undefined;
  }

  #step(step: string, layout: AnyCodec | undefined, start: number, end: number, outer?: object): Place {
    const deeper = this.in(layout, start, end, outer);
    return deeper ? { steps: [step, ...deeper.steps], layout: deeper.layout } : { steps: [step], layout };
  }
}

function placeAt(codec: AnyCodec, request: Uint8Array, offset: number): Place | undefined {
  return new Search(new Bytes(request), offset).in(codec, NLMSG_HDRLEN, request.length);
}

function pathOf({ steps }: Place): string {
  return steps.join('').slice(1);
}

/** The name of an attribute that should be directly inside. */
function nameIn(layout: AnyCodec | undefined, type: number): string {
  const shape = layout?.shape;
  if (shape?.kind === 'message') return nameIn(shape.attributes, type);
  if (shape?.kind !== 'attributes') return `#${type}`;
  return [...shape.fields.values()].find((field) => field.type === type)?.name ?? `#${type}`;
}

/**
 * Names the attribute of a request that the kernel points at: 'linkinfo.data.id', 'multipath[1].gateway', or
 * 'linkinfo.#9' where it has no name. `request` begins with its struct nlmsghdr, which `offset` counts from.
 */
export function attributePath(codec: AnyCodec, request: Uint8Array, offset: number): string | undefined {
  const place = placeAt(codec, request, offset);
  return place && pathOf(place);
}

/** Names an attribute that the kernel misses, from Ack.missingType and, unless it is of the top level, missingNest. */
export function missingPath(
  codec: AnyCodec,
  request: Uint8Array,
  type: number,
  nest?: number,
): string | undefined {
  if (nest === undefined) return nameIn(codec, type);
  const place = placeAt(codec, request, nest);
  return place && `${pathOf(place)}.${nameIn(place.layout, type)}`;
}
