import type { AnyNetns } from '../namespaces/network.js';
import type { Found, Link } from './link.js';
import type { LinkInfo, LinkKinds } from './types.js';

/** Each kind's class enters itself here, so that a class may give links of every kind without knowing theirs. */
const classes = new Map<keyof LinkKinds, new (found: Found) => Link>();

export function registerKind(kind: keyof LinkKinds, type: new (found: Found) => Link): void {
  classes.set(kind, type);
}

/** The object for a link that was read. */
export function linkObject(netns: AnyNetns, info: LinkInfo): Link {
  const type = classes.get(info.kind) ?? classes.get('other');
  if (!type) throw new TypeError(`No class for links of kind ${info.kind}`);
  return new type({ netns, info, owned: false });
}
