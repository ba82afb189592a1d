import { checkInteger, invalidValue } from '../syscalls/validate.js';
import type { Hook, Priority, TableFamily } from './types.js';

const INET = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, ingress: 5 } as const;
const HOOKS: Record<TableFamily, Partial<Record<Hook, number>>> = {
  ip: INET,
  ip6: INET,
  inet: INET,
  bridge: INET,
  arp: { input: 0, output: 1, forward: 2 },
  netdev: { ingress: 0, egress: 1 },
};

/** The number of a hook in a family: enum nf_inet_hooks and the like. */
export function hookNumber(family: TableFamily, hook: unknown): number {
  const number = HOOKS[family][hook as Hook];
  if (number === undefined)
    throw invalidValue('hook', `one of ${Object.keys(HOOKS[family]).join(', ')}`, hook);
  return number;
}

export function hookName(family: TableFamily, number: number | undefined): Hook | undefined {
  const found = Object.entries(HOOKS[family]).find(([, each]) => each === number);
  return found?.[0] as Hook | undefined;
}

const PRIORITIES: Record<Exclude<Priority, 'out'>, number> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};
const BRIDGE: Partial<Record<Priority, number>> = { dstnat: -300, filter: -200, out: 100, srcnat: 300 };

/** nft's names of priorities: nft(8), "CHAINS". */
export function priorityNumber(family: TableFamily, priority: unknown): number {
  if (typeof priority === 'string') {
    const names: Partial<Record<string, number>> = family === 'bridge' ? BRIDGE : PRIORITIES;
    const number = Object.hasOwn(names, priority) ? names[priority] : undefined;
    if (number === undefined)
      throw invalidValue('priority', `a number or ${Object.keys(names).join(', ')}`, priority);
    return number;
  }
  checkInteger('priority', priority, -0x80000000, 0x7fffffff);
  return priority;
}
