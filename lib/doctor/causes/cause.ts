import type { Probes, Refusal } from '../probes.js';

/** Why something was refused, and what to do about it. */
export interface Cause {
  why: string;
  cure: string;
}

/** Undefined where this is not the cause. */
export type FindCause = (probe: Probes, refusal: Refusal) => Promise<Cause | undefined>;

/** Numbers that the kernel uses for what it does not allow. */
export function denied({ code }: Refusal): boolean {
  return code === 'EPERM' || code === 'EACCES';
}
