import { type AnyNetns, NetworkNamespace, openInternals } from '../namespaces/network.js';
import { Netns } from '../netns/netns.js';
import { Process } from '../processes/process.js';
import { checkInteger, invalidType } from '../syscalls/validate.js';

/** What can be connected to a network: a namespace, a process, or a process's number, as podman and docker tell it. */
export type NetworkTarget = Netns | Process | number;

/** Its namespace, and how to let go of it. */
export interface OpenTarget {
  netns: AnyNetns;
  close(): Promise<void>;
}

export async function openTarget(target: NetworkTarget): Promise<OpenTarget> {
  if (target instanceof NetworkNamespace) {
    openInternals(target, 'target');
    return { netns: target as AnyNetns, close: async () => {} };
  }
  if (typeof target === 'number') checkInteger('target', target, 1, 0x7fffffff);
  else if (!(target instanceof Process)) throw invalidType('target', 'a Netns, a Process or a pid', target);
  const netns = await Netns.ofProcess(target);
  return { netns, close: () => netns.close() };
}
