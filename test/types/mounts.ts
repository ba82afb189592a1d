// Compiled, never run: the table of mounts.
import { type Change, type Listing, type MountInfo, mounts, Namespace, type View } from 'nsnet';
import type { Equal, Expect } from './assert.js';

export async function reading(own: Namespace<'mnt'>, signal: AbortSignal): Promise<void> {
  const view: View<MountInfo> = mounts();
  const listing: Listing<MountInfo> = mounts(own).list({ under: '/srv', type: 'tmpfs', signal });
  const all: MountInfo[] = await listing;
  const text: string = await mounts(await Namespace.ofProcess(1, 'mnt')).describe({ target: '/' });
  for await (const change of mounts().watch({ snapshot: false, propagation: 'shared' })) {
    const one: Change<MountInfo> = change;
    if (change.type === 'changed') console.log(change.previous.options.readonly, one);
  }
  // @ts-expect-error -- no such field
  mounts().list({ point: '/' });
  // @ts-expect-error -- no such propagation
  mounts().list({ propagation: 'public' });
  console.log(view, all, text);
}

export type Checks = [
  Expect<Equal<MountInfo['uniqueId'], number | undefined>>,
  Expect<Equal<MountInfo['options']['atime'], 'relatime' | 'noatime' | 'strictatime'>>,
];
