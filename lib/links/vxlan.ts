import type { LinkBrief } from '../rtnetlink/link.js';
import { type ErrorDetails, type NsnetError, withDetails } from '../syscalls/errors.js';
import { makeLink } from './create.js';
import { checkLinkRef } from './devices.js';
import { endOf } from './end.js';
import { readInfo } from './info.js';
import { registerKind } from './kinds.js';
import { Link } from './link.js';
import { explainLink } from './requests.js';
import type { DeviceData, LinkKinds, LinkOptions, LinkRef } from './types.js';
import { checkLinkOptions } from './validate.js';
import { checkVxlan, VXLAN_OPTIONS, vxlanData } from './vxlan-options.js';

/** What a VXLAN is made with. */
export type VxlanOptions = LinkOptions & LinkKinds['vxlan'];

/**
 * A network of Ethernet over UDP, RFC 7348. Where it sends frames to is told by `remote` or `group`, by what it has
 * learned, and by `netns.fdb`. Its packets leave by the namespace that it was made in, also when it has been moved.
 */
export class Vxlan extends Link<'vxlan'> {
  /**
   * Makes one. If a later step fails, or the signal is aborted, it is removed again. EEXIST if the namespace has one
   * with that `id` and `port` already; EADDRINUSE, once it is set up, if another program has the port.
   */
  static async create(options: VxlanOptions): Promise<Vxlan> {
    checkLinkOptions(options, VXLAN_OPTIONS);
    checkVxlan(options, true);
    const end = endOf(options, 'vx-');
    const { parent } = options;
    if (parent !== undefined) checkLinkRef(parent, end.inner, 'parent');
    const data = vxlanData(options, true);
    const work = makeLink({ near: end, kind: 'vxlan', data, devices: [parent], explain }, async () => {
      const info = await readInfo(end.inner, end.message as LinkBrief, options.master);
      return new Vxlan({ netns: options.netns, info, owned: true });
    });
    return end.inner.during(work);
  }

  protected override ownOptions(): readonly string[] {
    return VXLAN_OPTIONS;
  }

  protected override dataOf(changes: Partial<LinkKinds['vxlan']>): DeviceData | undefined {
    checkVxlan(changes, false);
    return vxlanData(changes, false, this.info.options);
  }

  protected override devicesOf({ parent }: Partial<LinkKinds['vxlan']>): Record<string, LinkRef | undefined> {
    return { parent };
  }

  protected override explain(error: NsnetError): NsnetError {
    return error.code === 'EOPNOTSUPP' ? withDetails(error, FIXED) : explain(error);
  }
}

const FIXED: ErrorDetails = {
  hint: 'Linux changes `remote`, `group` and `local` (within their family), `parent`, `learning`, `ageingTime` and `ttl` (but for inherit); for others make a new one',
};

const HINTS: Record<string, ErrorDetails> = {
  EADDRINUSE: { hint: 'Another program of the namespace has the UDP port: choose another `port`' },
  EAFNOSUPPORT: { hint: 'IPv6 is switched off in the namespace' },
  EADDRNOTAVAIL: { hint: '`local` is no address of this namespace, or IPv6 is switched off on `parent`' },
};

function explain(error: NsnetError): NsnetError {
  if (error.code === 'EEXIST' && error.kernel !== undefined)
    return withDetails(error, { hint: 'The namespace has a VXLAN with this `id` and `port` already' });
  const details = HINTS[error.code];
  return details ? withDetails(error, details) : explainLink(error);
}

registerKind('vxlan', Vxlan);
