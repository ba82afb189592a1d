import { engineCure } from '../engine.js';
import type { Probes, Refusal } from '../probes.js';
import { confinement, restriction } from './apparmor.js';
import { type Cause, denied, type FindCause } from './cause.js';
import { noProc } from './proc.js';
import { filter, perhapsFilter } from './seccomp.js';
import { selinux } from './selinux.js';
import { chroot, clone, limit, missing, rootWithoutSetfcap, undumpable, unmapped } from './users.js';

/** Those that can be told for certain come first. */
const ofUsers: FindCause[] = [
  noProc,
  missing,
  limit,
  filter,
  clone,
  restriction,
  selinux,
  undumpable,
  rootWithoutSetfcap,
  unmapped,
  chroot,
  confinement,
  perhapsFilter,
];

const ofOthers: FindCause[] = [noProc, filter, restriction, selinux, confinement, perhapsFilter];

async function first(list: FindCause[], probe: Probes, refusal: Refusal): Promise<Cause> {
  for (const find of list) {
    const cause = await find(probe, refusal);
    if (cause) return cause;
  }
  return unknown(probe, refusal);
}

async function unknown(probe: Probes, refusal: Refusal): Promise<Cause> {
  const modules = await probe.text('/sys/kernel/security/lsm');
  const suspects = modules === undefined ? 'a security module' : `a security module (${modules})`;
  return {
    why: 'no cause was found',
    cure: denied(refusal)
      ? `Look for what forbids it: a chroot, ${suspects}, or a seccomp filter (journalctl -k tells of denials). ${await engineCure(probe, 'capabilities')}`
      : `Look for it with: strace -f -e trace=${refusal.call === 'clone' ? 'clone,execveat' : refusal.call} node …`,
  };
}

/** Why a user namespace could not be made. */
export const whyNoUsers = (probe: Probes, refusal: Refusal) => first(ofUsers, probe, refusal);

/** Why anything else was refused. */
export const whyRefused = (probe: Probes, refusal: Refusal) => first(ofOthers, probe, refusal);
