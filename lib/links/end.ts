import { type Internals, internals } from '../namespaces/network.js';
import type { LinkBrief, LinkRequest } from '../rtnetlink/link.js';
import { checkLinkRef } from './devices.js';
import type { LinkOptions } from './types.js';

export type Attributes = NonNullable<LinkRequest['attributes']>;

/** One end of what is made: its place, its options, and once it is there what was read of it. */
export interface End {
  inner: Internals;
  name: string;
  options: LinkOptions;
  message?: LinkBrief;
}

/** A link to be made in `options.netns`, with a free name if it has none. */
export function endOf(options: LinkOptions, prefix: string): End {
  const inner = internals(options.netns);
  if (options.master != null) checkLinkRef(options.master, inner, 'master');
  return { inner, name: options.name ?? freeName(prefix), options };
}

/** As Docker names them: the kernel's own numbering would not tell us which name it chose. */
function freeName(prefix: string): string {
  const digits = Math.floor(Math.random() * 0x10000000)
    .toString(16)
    .padStart(7, '0');
  return prefix + digits;
}

/** Attributes that a link can be made with. */
export function attributesOf({ name, options: { mtu, mac, linkGroup } }: End): Attributes {
  return {
    ifname: name,
    ...(mtu !== undefined && { mtu }),
    ...(mac !== undefined && { address: mac.toLowerCase() }),
    ...(linkGroup !== undefined && { group: linkGroup }),
  };
}

export function subjectOf({ inner, name }: End): string {
  return `link '${name}' in ${inner.subject}`;
}
