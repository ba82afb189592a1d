import type { Outcome, Probes, Refusal } from './probes.js';

/** One thing that was looked at. */
export interface Check {
  /** What it is about, always the same: 'user namespaces'. */
  name: string;
  ok: boolean;
  /** What was found, in a few words. */
  found: string;
  /** What to do about it, with what to type. Only where something is wrong. */
  cure?: string;
  /** Whether namespaces, links and ping need it here. What is not required costs a convenience, or another feature. */
  required: boolean;
}

export type Examine = (probe: Probes) => Promise<Check>;

/** Whether namespaces are made without a user namespace around them. */
export function direct(probe: Probes): boolean {
  return probe.capable('SYS_ADMIN') && probe.capable('NET_ADMIN');
}

/** 'unshare: EPERM' */
export function told({ call, code, kernel }: Refusal): string {
  if (code === 'ECANCELED') return `killed in ${call} (SIGSYS)`;
  return `${call}: ${code}${kernel ? ` (${kernel})` : ''}`;
}

export function refusal(outcome: Outcome | undefined): Refusal | undefined {
  return outcome?.ok === false ? outcome : undefined;
}

/** How a sysctl is set, now and for good. */
export function setSysctl(key: string, value: string | number): string {
  return `sudo sysctl -w ${key}=${value}; to keep it: echo '${key}=${value}' | sudo tee /etc/sysctl.d/90-nsnet.conf`;
}
