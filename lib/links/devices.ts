import { type Internals, internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import type { Answer, Request } from '../netlink/request.js';
import { RTEXT_FILTER, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkMessage, type LinkRequest } from '../rtnetlink/link.js';
import { closedError, type NsnetError, systemError, withDetails } from '../syscalls/errors.js';
import { checkInteger, checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import { isLink } from './brand.js';
import type { LinkRef } from './types.js';

/**
 * How long a name is taken to mean the index it meant, in milliseconds. Long enough for a burst of requests that
 * name the same device, and short enough that others' renames are noticed as soon as `ip` would notice them.
 */
const FRESH = 10;

class Names {
  readonly indexes = new Map<string, number>();
  since = 0;
}

const NAMES = Symbol('device names');

function namesOf(inner: Internals): Names {
  let names = inner.memory.get(NAMES) as Names | undefined;
  if (!names) {
    names = new Names();
    inner.memory.set(NAMES, names);
  }
  return names;
}

/** Called in turn with every request that makes, renames or removes a link. */
export function forgetNames(inner: Internals): void {
  (inner.memory.get(NAMES) as Names | undefined)?.indexes.clear();
}

/** A link of this namespace by name, alternative name or index. */
export function getLinkRequest(ref: string | number, subject: string): Request<LinkRequest> {
  const attributes = { extMask: RTEXT_FILTER.SKIP_STATS };
  const byName =
    typeof ref === 'string' && Buffer.byteLength(ref) < 16 ? { ifname: ref } : { altIfname: String(ref) };
  return {
    name: 'RTM_GETLINK',
    type: RTM.GETLINK,
    flags: 0,
    codec,
    body:
      typeof ref === 'number'
        ? { family: 0, type: 0, index: ref, flags: 0, change: 0, attributes }
        : { family: 0, type: 0, index: 0, flags: 0, change: 0, attributes: { ...byName, ...attributes } },
    subject: `link ${typeof ref === 'number' ? ref : `'${ref}'`} in ${subject}`,
  };
}

/** The link message among the answers to getLinkRequest(). */
export function linkAnswer(answers: Answer[]): LinkMessage {
  for (const answer of answers) if (answer.type === RTM.NEWLINK) return readAnswer(codec, answer);
  throw systemError(-71, 'RTM_GETLINK');
}

/** Throws unless `ref` can mean a link of this namespace. */
export function checkLinkRef(ref: unknown, inner: Internals, argument: string): asserts ref is LinkRef {
  if (typeof ref === 'number') return checkInteger(argument, ref, 1, 0x7fffffff);
  if (typeof ref === 'string') {
    checkString(argument, ref);
    if (ref === '' || Buffer.byteLength(ref) > 127) throw invalidValue(argument, 'a link name', ref);
    return;
  }
  if (!isLink(ref)) throw invalidType(argument, 'a Link, a name or an index', ref);
  if (ref.closed) throw closedError(ref.subject);
  const other = internals(ref.netns);
  if (other !== inner && ref.netns.id !== inner.id) {
    throw invalidValue(argument, `a link of ${inner.subject}, not of ${other.subject},`, ref.name);
  }
}

/** Where a request names devices: what to prepare, and how to get their indexes once it is its turn. */
export class Devices {
  readonly #inner: Internals;

  constructor(inner: Internals) {
    this.#inner = inner;
  }

  /** The index of a device; a name must have been prepared. */
  index(ref: LinkRef): number {
    if (typeof ref === 'number') return ref;
    if (typeof ref !== 'string') return ref.index;
    const index = namesOf(this.#inner).indexes.get(ref);
    if (index === undefined)
      throw systemError(-19, 'RTM_GETLINK', { subject: `link '${ref}' in ${this.#inner.subject}` });
    return index;
  }

  /** Request.prepare of a request that names these devices. */
  prepare(refs: readonly (LinkRef | undefined | null)[]): Request['prepare'] {
    const wanted = refs.filter((ref): ref is string => typeof ref === 'string');
    if (wanted.length === 0) return undefined;
    return (ask) => {
      const names = namesOf(this.#inner);
      if (names.indexes.size > 0 && performance.now() - names.since > FRESH) names.indexes.clear();
      let missing: string[] | undefined;
      for (const name of wanted) {
        if (names.indexes.has(name)) continue;
        missing ??= [];
        missing.push(name);
      }
      return missing && this.#learn(missing, ask);
    };
  }

  async #learn(missing: string[], ask: (request: Request) => Promise<Answer[]>): Promise<void> {
    const names = namesOf(this.#inner);
    for (const name of missing) {
      const answers = await ask(getLinkRequest(name, this.#inner.subject)).catch((error: NsnetError) => {
        // Before 6.x a name that is too long for a device is refused, not looked up.
        throw error.code === 'ENODEV' ? withDetails(error, { hint: 'There is no link of that name' }) : error;
      });
      if (names.indexes.size === 0) names.since = performance.now();
      names.indexes.set(name, linkAnswer(answers).index);
    }
  }
}
