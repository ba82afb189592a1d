import { readFile } from 'node:fs/promises';
import { NsnetError, unsupportedError } from '../../syscalls/errors.js';
import { controllerCure } from './base.js';
import { enable } from './enable.js';
import { isGone, readFiles, writeFiles } from './files.js';
import type { Group, Part } from './group.js';
import type { Controller } from './hierarchies.js';
import type { Limits } from './limits.js';
import * as v1 from './v1.js';
import * as v2 from './v2.js';

/** A control file to be written. */
export interface Change {
  file: string;
  text: string;
  /** What to write to take it back. Default: what the file has now. */
  undo?: string;
}

/** What a group's controllers have now, asked file by file. */
export type Current = Record<string, string | undefined>;

const CONTROLLERS: readonly Controller[] = ['cpuset', 'memory', 'pids', 'io', 'cpu'];

/** Sets all of the limits, or none: what was written is taken back when a later one is refused. */
export async function applyLimits(group: Group, limits: Limits): Promise<void> {
  const done: { part: Part; change: Change; before: string | undefined }[] = [];
  try {
    for (const controller of CONTROLLERS) {
      const wanted = limits[controller];
      if (wanted === undefined || Object.values(wanted).every((value) => value === undefined)) continue;
      const part = await partFor(group, controller);
      const { version } = part.base.hierarchy;
      const way = version === 2 ? v2 : v1;
      const now: Current = await readFiles(part.directory, way.FILES[controller]);
      for (const change of way.changesOf(controller, limits, now)) {
        await write(group, part, change, version);
        done.push({ part, change, before: now[change.file] });
      }
    }
  } catch (error) {
    const notUndone: Error[] = [];
    for (const { part, change, before } of done.reverse()) {
      const text = change.undo ?? before;
      if (text === undefined) continue;
      await writeFiles(part.directory, [[change.file, text === '' ? '\n' : text]], group.subject).catch(
        (left) => notUndone.push(left),
      );
    }
    throw error instanceof NsnetError && notUndone.length ? error.with({ notUndone }) : error;
  }
}

async function write(group: Group, part: Part, { file, text }: Change, version: 1 | 2): Promise<void> {
  try {
    await writeFiles(part.directory, [[file, text]], group.subject);
  } catch (error) {
    if (file.startsWith('cpuset.')) throw await withOnline(error, file);
    if (!isGone(error) || file.startsWith('cgroup.')) throw error;
    // A device that does not exist is ENODEV, too.
    const there = (await readFiles(part.directory, [file]))[file] !== undefined;
    const alive = (await readFiles(part.directory, ['cgroup.procs']))['cgroup.procs'] !== undefined;
    if (there || !alive) throw error;
    throw unsupportedError(`this kernel has no ${file} (cgroup v${version})`, {
      subject: group.subject,
      hint: file.includes('sw') ? 'Swap accounting is off: boot with swapaccount=1' : undefined,
    });
  }
}

/** Which CPUs or memory nodes there are, where others were asked for. */
async function withOnline(error: unknown, file: string): Promise<unknown> {
  if (!(error instanceof NsnetError) || !['ERANGE', 'EINVAL'].includes(error.code)) return error;
  const [kind, name] = file === 'cpuset.cpus' ? ['cpu', 'CPUs'] : ['node', 'memory nodes'];
  const online = await readFile(`/sys/devices/system/${kind}/online`, 'utf8').catch(() => undefined);
  return online === undefined ? error : error.with({ hint: `There are the ${name} ${online.trim()}` });
}

/** Where a controller is; on v2 it is handed down as far as it is needed. */
async function partFor(group: Group, controller: Controller): Promise<Part> {
  const there = await group.part(controller);
  if (there) return there;
  const why = group.whyMissing(controller);
  if (why) throw why;
  const { unified } = group;
  if (unified) {
    await enable(unified.base, unified.path, [controller]);
    const now = await group.part(controller);
    if (now) return now;
  }
  throw unsupportedError(`the ${controller} controller is not there for this process`, {
    subject: group.subject,
    hint: controllerCure(unified?.base.hierarchy.version, controller),
  });
}

/** The limits that are in force on this group itself; those above it count as well. */
export async function readLimits(group: Group): Promise<Limits> {
  const found: Limits = {};
  for (const controller of CONTROLLERS) {
    const part = await group.part(controller);
    if (!part) continue;
    const way = part.base.hierarchy.version === 2 ? v2 : v1;
    const limits = way.limitsOf(controller, await readFiles(part.directory, way.FILES[controller]));
    if (limits) Object.assign(found, { [controller]: limits });
  }
  return found;
}
