import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Cgroup, type Limits } from 'nsnet';
import { onTestFinished } from 'vitest';
import { Child } from '../../fixtures/native/child.js';
import { privileged } from '../../support/privileges.js';

/** Root may make groups wherever cgroups are mounted. */
export const able = privileged;

const membership = readFileSync('/proc/self/cgroup', 'utf8');
/** Whether memory, for one, is limited by v2 here. */
export const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
/** Whether the v2 hierarchy is there beside those of v1. */
export const hybrid = !v2 && /^0::/m.test(membership) && existsSync('/sys/fs/cgroup/unified');

let count = 0;
/** Nobody else's. */
export const newName = (): string => `t${process.pid}-${++count}`;

export async function groupOf(limits: Limits = {}, name = newName()): Promise<Cgroup> {
  const cgroup = await Cgroup.create(name, limits);
  onTestFinished(() => cgroup.close());
  return cgroup;
}

/** A shell that does `script` once it is told to. */
export class Parked extends Child {
  constructor(script: string) {
    super('sh', ['-c', `read go; ${script}`]);
  }

  go(): this {
    this.say('go');
    return this;
  }
}

export async function parkedIn(cgroup: Cgroup, script: string): Promise<Parked> {
  const child = new Parked(script);
  // First, since its pipes are closed by the last of those that it has started.
  onTestFinished(() => (cgroup.closed ? undefined : cgroup.kill()));
  await cgroup.add(child.pid);
  return child;
}

const act = fileURLToPath(new URL('programs/act.mjs', import.meta.url));

/** The program of programs/act.mjs, behind other programs if need be. */
export class Actor extends Child {
  static async start(...before: string[]): Promise<Actor> {
    const [file = '', ...args] = [...before, process.execPath, act];
    const actor = new Actor(file, args);
    await actor.next();
    return actor;
  }

  async do<T = unknown>(what: string, rest: object = {}): Promise<T> {
    this.say({ act: what, ...rest });
    return this.next<T>();
  }
}

const OWN = new RegExp(`/nsnet/t${process.pid}-`);

/** Directories of this test's groups; other runs of the tests may have theirs. */
export function foundBelow(directory = '/sys/fs/cgroup'): string[] {
  const entries = existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : [];
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [`${directory}/${name}`, ...foundBelow(`${directory}/${name}`)])
    .filter((path) => OWN.test(path));
}

/** What Cgroup.gc() removed of this test's. */
export const collect = async (): Promise<string[]> =>
  (await Cgroup.gc()).filter((name) => name.startsWith(`t${process.pid}-`));

/** Whether a name is in any hierarchy. */
export const isThere = (name: string): boolean =>
  foundBelow().some((path) => path.endsWith(`/nsnet/${name}`));

export const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
