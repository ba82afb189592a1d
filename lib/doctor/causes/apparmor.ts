import { direct, setSysctl } from '../check.js';
import { engineCure } from '../engine.js';
import type { Probes } from '../probes.js';
import { type Cause, denied, type FindCause } from './cause.js';

const RESTRICTION = 'kernel.apparmor_restrict_unprivileged_userns';
const FILE = '/etc/apparmor.d/nsnet-node';

/** A profile that gives this program a name and no restrictions, so that it may make user namespaces. */
export function profileFor(program: string): string {
  const path = /[\s"{}[\]*?,]/.test(program) ? `"${program.replace(/["{}[\]*?,]/g, '\\$&')}"` : program;
  return [
    'abi <abi/4.0>,',
    'include <tunables/global>',
    `profile nsnet-node ${path} flags=(unconfined) {`,
    '  userns,',
    '  include if exists <local/nsnet-node>',
    '}',
  ].join('\n');
}

/** A command that writes it. It may be pasted with spaces before its lines, as doctor prints them; a here-document not. */
function writing(profile: string): string[] {
  const lines = profile.split('\n').map((line) => `'${line.replaceAll("'", "'\\''")}'`);
  return ["printf '%s\\n' \\", ...lines.map((line) => `  ${line} \\`), `  | sudo tee ${FILE}`];
}

/** The label this process has: 'unconfined', 'docker-default (enforce)'; undefined without AppArmor. */
async function label(probe: Probes): Promise<string | undefined> {
  const own = await probe.text('/proc/self/attr/apparmor/current');
  if (own !== undefined) return own;
  const shared = await probe.text('/proc/self/attr/current');
  return shared === undefined || shared.includes(':') ? undefined : shared;
}

/**
 * Ubuntu 23.10 and later: the user namespace is made, and everything that needs a capability in it is refused, the
 * writing of its maps first; where the profile for that is missing, making it is refused.
 */
export const restriction: FindCause = async (probe, refusal) => {
  if (!denied(refusal) || direct(probe)) return undefined;
  if ((await probe.text(`/proc/sys/${RESTRICTION.replaceAll('.', '/')}`)) !== '1') return undefined;
  const made = refusal.call !== 'unshare';
  return {
    why: `AppArmor allows this program no capabilities in a user namespace${made ? ', though it may make one' : ''} (${RESTRICTION} = 1)`,
    cure: [
      'Give this program a profile that allows them:',
      ...writing(profileFor(probe.program)),
      `sudo apparmor_parser -r ${FILE}`,
      `Or allow them to every program: ${setSysctl(RESTRICTION, 0)}`,
    ].join('\n'),
  };
};

/** A profile that this process is confined by. */
export const confinement: FindCause = async (probe, refusal): Promise<Cause | undefined> => {
  const current = await label(probe);
  if (!denied(refusal) || !current?.endsWith('(enforce)')) return undefined;
  return {
    why: `the AppArmor profile ${current.replace(' (enforce)', '')} probably forbids it`,
    cure: await engineCure(probe, 'apparmor'),
  };
};
