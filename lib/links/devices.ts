import { type Internals, internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import type { Answer, Request } from '../netlink/request.js';
import { RTEXT_FILTER, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkBrief, type LinkRequest, linkBrief } from '../rtnetlink/link.js';
import { closedError, type NsnetError, systemError, withDetails } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import { checkInteger, checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import { isLink } from './brand.js';
import type { LinkRef } from './types.js';

/** A name that was looked up. */
interface Known {
  index: number;
  /** The batch of requests for which it was last found to hold. */
  turn: number;
  /** Of an alternative name, by performance.now(): there is no call that would tell whether it still holds. */
  until?: number;
}

/** How long an alternative name holds, in milliseconds: long enough for the requests that it was asked for. */
const FRESH = 5;

/** How long names are remembered, in milliseconds: namespaces come and go. */
const REMEMBERED = 1000;

/**
 * Indexes by name, of each namespace by its id: two objects of one namespace share them. They are not trusted: for
 * each batch of requests the kernel is asked whether the index still has the name, by a call that waits for nothing.
 */
const known = new Map<number, Map<string, Known>>();

function namesOf(id: number): Map<string, Known> {
  let names = known.get(id);
  if (!names) {
    names = new Map();
    known.set(id, names);
    const made = names;
    setTimeout(() => known.get(id) === made && known.delete(id), REMEMBERED).unref();
  }
  return names;
}

/** What is known without asking: lo of a new namespace. */
export function rememberName({ id }: Internals, name: string, index: number): void {
  namesOf(id).set(name, { index, turn: -1 });
}

const NO_SUCH_LINK = { hint: 'There is no such link' };

type Ask = Parameters<NonNullable<Request['prepare']>>[0];

/** Called in turn with every request that makes, renames or removes a link. */
export function forgetNames(inner: Internals): void {
  // Not emptied: what is being asked for now must not be entered any more.
  known.delete(inner.id);
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
    reads: true,
    body: typeof ref === 'number' ? { index: ref, attributes } : { attributes: { ...byName, ...attributes } },
    subject: `link ${typeof ref === 'number' ? ref : `'${ref}'`} in ${subject}`,
    explain: (error) => (error.code === 'ENODEV' ? withDetails(error, NO_SUCH_LINK) : error),
  };
}

/** The link message among the answers to getLinkRequest(). */
export function linkAnswer(answers: Answer[]): LinkBrief {
  for (const answer of answers) if (answer.type === RTM.NEWLINK) return readAnswer(linkBrief, answer);
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
    // Most namespaces have no name: that of the wrong one would not tell them apart.
    throw invalidValue(argument, `a link of the same netns, not of another (${other.subject}),`, ref.name);
  }
}

/** Where requests name devices: what to prepare, and how to get their indexes once it is their turn. */
export class Devices {
  readonly #inner: Internals;

  private constructor(inner: Internals) {
    this.#inner = inner;
  }

  /** Those of a namespace. */
  static of(inner: Internals): Devices {
    let devices = inner.memory.get(Devices) as Devices | undefined;
    if (!devices) {
      devices = new Devices(inner);
      inner.memory.set(Devices, devices);
    }
    return devices;
  }

  /** The index of a device; a name must have been prepared. */
  index(ref: LinkRef): number {
    if (typeof ref === 'number') return ref;
    if (typeof ref !== 'string') return ref.index;
    const index = this.#prepared.get(ref)?.index;
    if (index === undefined) throw noSuchLink(ref, this.#inner);
    return index;
  }

  /** Names that the request whose turn it is was prepared with: they hold until its body is made. */
  #prepared: Map<string, Known> = new Map();

  /** For Request.prepare: asks for the name if it is not known, or not known any more. */
  prepare(ref: LinkRef | undefined | null, ask: Ask): Promise<void> | undefined {
    if (typeof ref !== 'string') return undefined;
    const names = namesOf(this.#inner.id);
    this.#prepared = names;
    const found = names.get(ref);
    return found && this.#holds(ref, found) ? undefined : this.#learn(ref, ask);
  }

  #holds(name: string, found: Known): boolean {
    const { socket, turn } = this.#inner.route;
    if (found.turn === turn) return true;
    if (found.until !== undefined) return performance.now() < found.until;
    if (!socket || native().linkName(socket.native, found.index) !== name) return false;
    found.turn = turn;
    return true;
  }

  /** The same for several. */
  prepareAll(refs: readonly (LinkRef | undefined | null)[], ask: Ask): Promise<void> | undefined {
    const waits = refs.map((ref) => this.prepare(ref, ask)).filter((wait) => wait !== undefined);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  async #learn(name: string, ask: Ask): Promise<void> {
    const names = namesOf(this.#inner.id);
    const answers = await ask(getLinkRequest(name, this.#inner.subject));
    const { index, attributes } = linkAnswer(answers);
    const known: Known = { index, turn: -1 };
    if (attributes.ifname !== name) known.until = performance.now() + FRESH;
    names.set(name, known);
  }
}

function noSuchLink(name: string, { subject }: Internals): NsnetError {
  return systemError(-19, 'RTM_GETLINK', { subject: `link '${name}' in ${subject}` });
}
