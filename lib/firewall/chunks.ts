import { MAX_PAYLOAD } from '../netlink/codec.js';
import { type ElementAttributes, element } from '../nftables/element.js';

/** Of the element's own attribute. */
const HEADER = 4;
/** An attribute's length is 16 bits wide; the message has others besides. */
const MOST = MAX_PAYLOAD - 1024;

/** As many elements a message as its list has room for. The two ends of an interval stay together. */
export function* elementChunks(all: readonly ElementAttributes[]): Generator<ElementAttributes[]> {
  let chunk: ElementAttributes[] = [];
  let size = 0;
  for (const one of all) {
    const more = HEADER + element.size(one, 'element');
    const ends = one.flags?.includes('intervalEnd') ?? false;
    if (size + more > MOST - (ends ? 0 : 64) && chunk.length > 0 && !ends) {
      yield chunk;
      chunk = [];
      size = 0;
    }
    chunk.push(one);
    size += more;
  }
  if (chunk.length > 0) yield chunk;
}
