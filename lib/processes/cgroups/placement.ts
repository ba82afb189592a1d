import { constants } from 'node:fs';
import type { Fd } from '../../syscalls/fd.js';
import { openIn } from './files.js';
import type { Group } from './group.js';

/** What it takes to have a process born in a group. */
export interface Placement {
  /** Of v2, for CLONE_INTO_CGROUP (Linux 5.7): the process never is anywhere else. Closed with the group, not here. */
  readonly directory: Fd | undefined;
  /** cgroup.procs of each v1 hierarchy, open for writing: "0" written there by a process moves that process. */
  readonly procs: readonly Fd[];
  /** cgroup.procs of v2, for a kernel or a filter without clone3(2). */
  readonly unifiedProcs: Fd | undefined;
  close(): Promise<void>;
}

const groups = new WeakMap<object, Group>();

/** Told of every Cgroup, so that what starts processes needs nothing of the class. */
export function remember(cgroup: object, group: Group): void {
  groups.set(cgroup, group);
}

export function isCgroup(value: unknown): boolean {
  return typeof value === 'object' && value !== null && groups.has(value);
}

/** Of a Cgroup that is not closed. The kernel checks the writes by whoever opened the files, which is this process. */
export async function placementOf(cgroup: object): Promise<Placement> {
  const { parts, unified, subject } = groups.get(cgroup) as Group;
  const opened: Fd[] = [];
  const close = async () => void (await Promise.all(opened.map((fd) => fd.close())));
  const open = async (directory: Fd) => {
    const fd = await openIn(directory, 'cgroup.procs', constants.O_WRONLY, subject);
    opened.push(fd);
    return fd;
  };
  try {
    const unifiedProcs = unified && (await open(unified.directory));
    const procs: Fd[] = [];
    for (const part of parts) if (part !== unified) procs.push(await open(part.directory));
    return { directory: unified?.directory, procs, unifiedProcs, close };
  } catch (error) {
    await close();
    throw error;
  }
}
