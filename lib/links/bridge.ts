import { openInternals } from '../namespaces/network.js';
import type { LinkBrief } from '../rtnetlink/link.js';
import { BRIDGE_OPTIONS, bridgeData, checkBridge } from './bridge-options.js';
import { makeLink } from './create.js';
import { endOf } from './end.js';
import { readInfo } from './info.js';
import { registerKind } from './kinds.js';
import { Link } from './link.js';
import { readLinks } from './read.js';
import type { LinkKinds, LinkOptions } from './types.js';
import { checkLinkOptions } from './validate.js';

/** What a bridge is made with. */
export type BridgeOptions = LinkOptions & LinkKinds['bridge'];

/** A switch in software. It takes 1,023 ports. */
export class Bridge extends Link<'bridge'> {
  /** Makes a bridge. If a later step fails, or the signal is aborted, it is removed again. */
  static async create(options: BridgeOptions): Promise<Bridge> {
    checkLinkOptions(options, BRIDGE_OPTIONS);
    checkBridge(options);
    const end = endOf(options, 'br-');
    const work = makeLink({ near: end, kind: 'bridge', data: bridgeData(options) }, async () => {
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
    return BRIDGE_OPTIONS;
  }

  protected override dataOf(changes: LinkKinds['bridge']): object | undefined {
    checkBridge(changes);
    const data = bridgeData(changes);
    return Object.keys(data).length > 0 ? data : undefined;
  }
}

registerKind('bridge', Bridge);
