import { Handle } from '../handles/handle.js';
import { internals, liveNamespaces, type NetworkNamespace, openInternals } from '../namespaces/network.js';
import type { LinkBrief } from '../rtnetlink/link.js';
import { invalidValue } from '../syscalls/validate.js';
import { makeLink } from './create.js';
import { getLinkRequest, linkAnswer } from './devices.js';
import { attributesOf, type End, endOf } from './end.js';
import { readInfo } from './info.js';
import { registerKind } from './kinds.js';
import { type Found, Link } from './link.js';
import { nsidOf } from './nsid.js';
import { vethQueues } from './queues.js';
import type { LinkOptions } from './types.js';
import { checkLinkOptions } from './validate.js';

/** One end of a virtual cable. When one end goes, so does the other. */
export class Veth extends Link<'veth'> {
  /**
   * Makes a cable, each end in the namespace of its options: the second is made there and not moved there, which
   * would cost a grace period of the kernel's. If a later step fails, or the signal is aborted, both are removed.
   */
  static async create(end: LinkOptions, otherEnd: LinkOptions): Promise<VethPair> {
    checkLinkOptions(end, [], 'end');
    checkLinkOptions(otherEnd, [], 'otherEnd');
    const a = endOf(end, 'veth');
    const b = endOf({ ...otherEnd, signal: otherEnd.signal ?? end.signal }, 'veth');
    a.options = { ...end, signal: end.signal ?? otherEnd.signal };
    const together = a.inner.id === b.inner.id;
    if (together && a.name === b.name)
      throw invalidValue('otherEnd.name', 'another name than the first end has', b.name);
    const place = together ? {} : { netNsFd: b.inner.fd.number };
    const queues = vethQueues();
    const peer = { attributes: { ...attributesOf(b), ...queues, ...place } };
    const work = makeLink(
      { near: a, far: b, kind: 'veth', data: { peer }, attributes: queues },
      async () => new VethPair(await objectFor(a), await objectFor(b)),
    );
    return a.inner.during(b.inner.during(work));
  }

  /** The other end, if its namespace is one that this thread holds open. */
  async peer(): Promise<Veth | undefined> {
    await this.refresh();
    const inner = openInternals(this.netns);
    const message = linkAnswer(await inner.route.request(getLinkRequest(this.index, inner.subject)));
    const { link, linkNetnsid } = message.attributes;
    // −1: its namespace is being torn down.
    if (link === undefined || link === 0 || (linkNetnsid ?? 0) < 0) return undefined;
    if (linkNetnsid === undefined) return findPeer(this.netns, link);
    for (const netns of liveNamespaces()) {
      if ((await nsidOf(inner, internals(netns))) === linkNetnsid) return findPeer(netns, link);
    }
    return undefined;
  }
}

async function objectFor({ inner, message, options }: End): Promise<Veth> {
  return new Veth({
    netns: options.netns,
    info: await readInfo(inner, message as LinkBrief, options.master),
    owned: true,
  });
}

async function findPeer(netns: NetworkNamespace, index: number): Promise<Veth | undefined> {
  const inner = internals(netns);
  const answers = await inner.route.request(getLinkRequest(index, inner.subject)).catch(() => undefined);
  if (!answers) return undefined;
  const found: Found = {
    netns: netns as Found['netns'],
    info: await readInfo(inner, linkAnswer(answers)),
    owned: false,
  };
  return new Veth(found);
}

/** Both ends of a cable that was made here. */
export class VethPair extends Handle implements Iterable<Veth> {
  readonly a: Veth;
  readonly b: Veth;

  constructor(a: Veth, b: Veth) {
    super(true);
    this.a = a;
    this.b = b;
  }

  /** Removes the cable. Again is no error. */
  async delete(): Promise<void> {
    // The second finds nothing left to remove, and knows it then.
    for (const end of this) if (!end.netns.closed) await end.delete();
  }

  *[Symbol.iterator](): Iterator<Veth> {
    yield this.a;
    yield this.b;
  }

  override toString(): string {
    return `VethPair { ${this.a.subject} <-> ${this.b.subject} }`;
  }

  override toJSON(): unknown {
    return [this.a.toJSON(), this.b.toJSON()];
  }

  protected override async dispose(owned: boolean): Promise<void> {
    if (owned) await this.delete();
  }
}

registerKind('veth', Veth);
