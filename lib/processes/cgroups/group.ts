import type { NsnetError } from '../../syscalls/errors.js';
import type { Fd } from '../../syscalls/fd.js';
import type { Base } from './base.js';
import { readOne } from './files.js';
import type { Controller } from './hierarchies.js';

/** One cgroup in one hierarchy. */
export interface Part {
  base: Base;
  path: string;
  /** Held open, so that it is never another group that was given the name since. */
  directory: Fd;
}

/** What a controller is called on v1. */
const ON_V1: Record<Controller, string> = {
  cpu: 'cpu',
  cpuset: 'cpuset',
  memory: 'memory',
  pids: 'pids',
  io: 'blkio',
};

/** A cgroup of ours: one directory on v2, one in each hierarchy on v1, both where they are mixed. */
export class Group {
  readonly name: string;
  /** The first is the one whose lock tells that somebody has the group. */
  readonly parts: readonly Part[];
  /** Hierarchies in which it could not be made, and why. */
  readonly missing: readonly { base: Base; error: NsnetError }[];

  constructor(name: string, parts: readonly Part[], missing: Group['missing']) {
    this.name = name;
    this.parts = parts;
    this.missing = missing;
  }

  get subject(): string {
    return `cgroup '${this.name}'`;
  }

  get first(): Part {
    return this.parts[0] as Part;
  }

  /** Of v2: there is no more than one. */
  get unified(): Part | undefined {
    return this.first.base.hierarchy.version === 2 ? this.first : undefined;
  }

  /** The part on v1 with a controller, by its name there. */
  legacy(controller: string): Part | undefined {
    return this.parts.find(({ base }) => base.hierarchy.controllers.includes(controller));
  }

  /** Where a controller of this group is, if it is anywhere. */
  async part(controller: Controller): Promise<Part | undefined> {
    const legacy = this.legacy(ON_V1[controller]);
    if (legacy) return legacy;
    const there = this.unified && (await readOne(this.unified.directory, 'cgroup.controllers'));
    return there?.split(' ').includes(controller) ? this.unified : undefined;
  }

  /** Why a controller that exists on v1 is not at hand. */
  whyMissing(controller: Controller): NsnetError | undefined {
    return this.missing.find(({ base }) => base.hierarchy.controllers.includes(ON_V1[controller]))?.error;
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map(({ directory }) => directory.close()));
  }
}
