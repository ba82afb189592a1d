import { openDirectory } from '../../handles/lock.js';
import { NsnetError, systemError } from '../../syscalls/errors.js';
import { hierarchiesOfProcess } from './base.js';
import { isGone, keyed, readLong, readOne, writeFiles } from './files.js';
import type { Group, Part } from './group.js';
import { innermostFirst } from './remove.js';

const EBUSY = -16;
const EOPNOTSUPP = -95;

/** The processes in a group and in those below it, once each; those of other pid namespaces have no number here. */
export async function processesIn({ first, subject }: Pick<Group, 'first' | 'subject'>): Promise<number[]> {
  const found = new Set<number>();
  for (const path of await innermostFirst(first.path)) {
    const directory = await openDirectory(path);
    if (!directory) continue;
    try {
      for (const pid of (await readLong(directory, 'cgroup.procs', subject)).split('\n').map(Number))
        if (pid > 0) found.add(pid);
    } finally {
      await directory.close();
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Whether there is any process in it or below it, those of other pid namespaces included where v2 tells of them. */
export async function isPopulated(group: Group): Promise<boolean> {
  if (!group.unified) return (await processesIn(group)).length > 0;
  return keyed(await readOne(group.unified.directory, 'cgroup.events')).populated === 1;
}

/** "cgroup 'web' with process 12, 13", for messages. */
export async function withProcesses(group: Group): Promise<string> {
  const pids = await processesIn(group);
  const shown = `${pids.slice(0, 5).join(', ')}${pids.length > 5 ? ', …' : ''}`;
  return `${group.subject} with ${pids.length > 0 ? `process ${shown}` : 'processes of other pid namespaces'}`;
}

/** Moves a process with all its threads, in every hierarchy or in none. */
export async function move(group: Group, pid: number): Promise<void> {
  const before = await groupsOf(pid, group);
  const moved: Part[] = [];
  try {
    for (const part of group.parts) {
      await enter(part, pid, `process ${pid} to ${group.subject}`);
      moved.push(part);
    }
  } catch (error) {
    const notUndone: Error[] = [];
    for (const part of moved.reverse()) {
      const path = before.get(part);
      if (path !== undefined) await goTo(path, pid).catch((left) => notUndone.push(left));
    }
    throw error instanceof NsnetError && notUndone.length ? error.with({ notUndone }) : error;
  }
}

async function enter(part: Part, pid: number, subject: string): Promise<void> {
  try {
    // Where it hands down cpu, cpuset or pids alone, the kernel would take it for the root of a threaded tree: nobody
    // could enter the groups below any more.
    if (part.base.hierarchy.version === 2 && (await readOne(part.directory, 'cgroup.subtree_control')))
      throw systemError(EBUSY, 'write', { subject });
    await writeFiles(part.directory, [['cgroup.procs', String(pid)]], subject);
  } catch (error) {
    if (!(error instanceof NsnetError)) throw error;
    throw systemError(error.errno ?? 0, 'write', { subject, hint: hintFor(error, part) });
  }
}

function hintFor({ errno }: NsnetError, { base }: Part): string | undefined {
  if (errno === EBUSY && base.hierarchy.version === 2)
    return 'On cgroup v2 a group has either processes or limits for groups below it';
  if (errno === EOPNOTSUPP) return 'The group is threaded (cgroup.type)';
  if (errno === -13 || errno === -1)
    return base.hierarchy.version === 2
      ? 'Moving a process takes write access to cgroup.procs of the group that both are below, too: start it in a delegated group (systemd-run --user --scope -p Delegate=yes …)'
      : 'Only root, and the user of the process, may move it';
  return undefined;
}

/** Where a process is, by the hierarchies of a group, as far as that can be seen here. */
async function groupsOf(pid: number, { parts }: Group): Promise<Map<Part, string>> {
  const found = await hierarchiesOfProcess(pid);
  const same = (part: Part) =>
    found.find(
      ({ version, controllers }) =>
        version === part.base.hierarchy.version &&
        controllers.join() === part.base.hierarchy.controllers.join(),
    );
  return new Map(
    parts.flatMap((part) => {
      const there = same(part);
      return there ? [[part, there.mount + there.own] as const] : [];
    }),
  );
}

async function goTo(path: string, pid: number): Promise<void> {
  const directory = await openDirectory(path);
  if (!directory) return;
  try {
    await writeFiles(directory, [['cgroup.procs', String(pid)]], `process ${pid} back to ${path}`);
  } catch (error) {
    if (!isGone(error)) throw error;
  } finally {
    await directory.close();
  }
}

/** Takes this process out of a group that is about to go, back to where it was. */
export async function leave({ parts }: Pick<Group, 'parts'>): Promise<void> {
  for (const { base } of parts) await goTo(base.home, process.pid);
}
