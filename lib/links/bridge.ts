import { openInternals } from '../namespaces/network.js';
import type { LinkBrief } from '../rtnetlink/link.js';
import { checkBoolean, checkInteger, outOfRange } from '../syscalls/validate.js';
import { makeLink } from './create.js';
import { endOf } from './end.js';
import { readInfo } from './info.js';
import { registerKind } from './kinds.js';
import { Link } from './link.js';
import { readLinks } from './read.js';
import type { LinkKinds, LinkOptions } from './types.js';
import { checkLinkOptions } from './validate.js';

const OWN = ['stp', 'vlanFiltering', 'ageingTime'] as const;

function check({ stp, vlanFiltering, ageingTime }: LinkKinds['bridge']): void {
  if (stp !== undefined) checkBoolean('stp', stp);
  if (vlanFiltering !== undefined) checkBoolean('vlanFiltering', vlanFiltering);
  if (ageingTime !== undefined) {
    checkInteger('ageingTime', ageingTime, 0, 42_949_672_950);
    if (ageingTime % 10 !== 0) throw outOfRange('ageingTime', 'a multiple of 10 milliseconds', ageingTime);
  }
}

function dataOf({ stp, vlanFiltering, ageingTime }: LinkKinds['bridge']) {
  return {
    ...(stp !== undefined && { stpState: stp ? 1 : 0 }),
    ...(vlanFiltering !== undefined && { vlanFiltering: vlanFiltering ? 1 : 0 }),
    ...(ageingTime !== undefined && { ageingTime: ageingTime / 10 }),
  };
}

/** What a bridge is made with. */
export type BridgeOptions = LinkOptions & LinkKinds['bridge'];

/** A switch in software. It takes 1,023 ports. */
export class Bridge extends Link<'bridge'> {
  /** Makes a bridge. If a later step fails, or the signal is aborted, it is removed again. */
  static async create(options: BridgeOptions): Promise<Bridge> {
    checkLinkOptions(options, OWN);
    check(options);
    const end = endOf(options, 'br-');
    const work = makeLink({ near: end, kind: 'bridge', data: dataOf(options) }, async () => {
      const info = await readInfo(end.inner, end.message as LinkBrief, options.master);
      return new Bridge({ netns: options.netns, info, owned: true });
    });
    return end.inner.during(work);
  }

  /** The links that are its ports now. */
  async ports(): Promise<Link[]> {
    openInternals(this.netns);
    return readLinks(this.netns, { master: this });
  }

  protected override ownOptions(): readonly string[] {
    return OWN;
  }

  protected override dataOf(changes: LinkKinds['bridge']): object | undefined {
    check(changes);
    const data = dataOf(changes);
    return Object.keys(data).length > 0 ? data : undefined;
  }
}

registerKind('bridge', Bridge);
