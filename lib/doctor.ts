import type { Check, Examine } from './doctor/check.js';
import { cgroups } from './doctor/checks/cgroups.js';
import { memory, stub } from './doctor/checks/excursions.js';
import { limits } from './doctor/checks/limits.js';
import { names } from './doctor/checks/names.js';
import { bridge, namespaces, ping, ping6, sysctl, veth } from './doctor/checks/network.js';
import { capabilities, dumpable, users } from './doctor/checks/privileges.js';
import { proc } from './doctor/checks/proc.js';
import { addon, kernel, platform, runtime } from './doctor/checks/system.js';
import type { Probes } from './doctor/probes.js';
import { systemProbes } from './doctor/system.js';

export type { Check } from './doctor/check.js';

/** What was found out about the system that this program runs on. */
export interface Diagnosis {
  /** Whether namespaces, links and ping work here, with privileges or without. */
  ok: boolean;
  checks: Check[];
}

/** Where one of these fails, the rest cannot even be tried. */
const foundation: Examine[] = [platform, addon];

const rest: Examine[] = [
  kernel,
  runtime,
  memory,
  stub,
  capabilities,
  dumpable,
  users,
  namespaces,
  veth,
  bridge,
  ping,
  ping6,
  proc,
  sysctl,
  names,
  limits,
  cgroups,
];

/**
 * Says what works here, what does not, and the cure. Found out by doing, in namespaces that last as long as that
 * takes: no other program is run and nothing is left behind. Never rejects, on any platform.
 */
export function doctor(): Promise<Diagnosis> {
  return diagnose(systemProbes());
}

export async function diagnose(probe: Probes): Promise<Diagnosis> {
  const checks: Check[] = [];
  for (const examine of foundation) {
    const check = await careful(examine, probe);
    checks.push(check);
    if (!check.ok) return { ok: false, checks };
  }
  checks.push(...(await Promise.all(rest.map((examine) => careful(examine, probe)))));
  return { ok: checks.every(({ ok, required }) => ok || !required), checks };
}

/** A check that throws is a mistake of this program, and no reason to say nothing about all others. */
async function careful(examine: Examine, probe: Probes): Promise<Check> {
  try {
    return await examine(probe);
  } catch (error) {
    const found = `could not be found out: ${error instanceof Error ? error.message : String(error)}`;
    return {
      name: 'doctor',
      ok: false,
      found,
      cure: 'This is a bug of nsnet; please report it',
      required: false,
    };
  }
}
