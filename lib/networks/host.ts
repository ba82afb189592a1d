import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { Netns } from '../netns/netns.js';
import type { NetworkPlace } from './options.js';

/** The namespace that plays the host of networks. */
export interface Host {
  netns: AnyNetns;
  inner: Internals;
  /** Lets go of what was opened for it. */
  close(): Promise<void>;
}

/** The one that is given, or this process's own. */
export async function hostOf({ netns }: NetworkPlace): Promise<Host> {
  if (netns) return { netns, inner: openInternals(netns), close: async () => {} };
  const own = await Netns.current();
  return { netns: own, inner: openInternals(own), close: () => own.close() };
}
