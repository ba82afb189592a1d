import type { Examine } from '../check.js';
import { engineCure } from '../engine.js';

/** What an open Netns with a socket or two takes. */
const DESCRIPTORS_EACH = 4;
/** Room for that many of them is enough for most. */
const ENOUGH = 64;

export const limits: Examine = async (probe) => {
  const check = { name: 'descriptors', required: false };
  const text = (await probe.text('/proc/self/limits')) ?? '';
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(text) ?? [];
  const used = (await probe.names('/proc/self/fd'))?.length;
  if (soft === undefined || used === undefined) return { ...check, ok: true, found: 'unknown without /proc' };
  const most = await probe.text('/proc/sys/user/max_net_namespaces');
  const also = most === undefined ? '' : `; at most ${most} network namespaces (user.max_net_namespaces)`;
  const room = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft) - used;
  const namespaces = Math.max(0, Math.floor(room / DESCRIPTORS_EACH));
  const found = `${used} of ${soft} in use${also}`;
  if (namespaces >= ENOUGH) return { ...check, ok: true, found };
  return {
    ...check,
    ok: false,
    found: `${found}: room for about ${namespaces} open namespaces`,
    cure: await engineCure(probe, 'descriptors'),
  };
};
