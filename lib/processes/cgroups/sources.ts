// What tells of events: files of v2 that wake whoever polls them, an eventfd on v1, and where there is neither, the clock.
import { constants } from 'node:fs';
import { endianness } from 'node:os';
import { Bell } from '../../handles/bell.js';
import { HERE } from '../../syscalls/excursion.js';
import type { Fd } from '../../syscalls/fd.js';
import { native } from '../../syscalls/native.js';
import { Steps } from '../../syscalls/steps.js';
import { isGone, keyed, openIn, readOne, writeFiles } from './files.js';
import type { Group, Part } from './group.js';

/** How much of each there was so far. */
export interface Counts {
  oom: number;
  oomKill: number;
  memoryMax: number;
  pidsMax: number;
  /** How often it became empty. */
  empty: number;
}

export interface Source {
  /** Puts what there is into the counts; false if the group is gone. */
  read(counts: Counts): Promise<boolean>;
  /** Rings when there may be news; without, it is to be read from time to time. */
  readonly bell?: Bell;
  wasRung(): boolean;
}

/** Closes what it opened if one of them fails. */
export async function sourcesOf(group: Group): Promise<Source[]> {
  const { unified, subject } = group;
  const [memory, pids] = [group.legacy('memory'), group.legacy('pids')];
  const found: Source[] = [];
  const add = async (source: Promise<Source | undefined>) => {
    const one = await source;
    if (one) found.push(one);
  };
  try {
    // First, so that a kill is told before the emptiness that it leaves.
    if (memory) await add(oomOnV1(memory, subject));
    else if (unified) await add(polled(unified, 'memory.events', subject, ofMemory));
    if (pids) await add(Promise.resolve(timed(pids, 'pids.events', ofPids)));
    else if (unified) await add(polled(unified, 'pids.events', subject, ofPids));
    await add(
      unified
        ? polled(unified, 'cgroup.events', subject, emptiness())
        : Promise.resolve(procsOnV1(group.first)),
    );
    return found;
  } catch (error) {
    await closeAll(found);
    throw error;
  }
}

export async function closeAll(sources: readonly Source[]): Promise<void> {
  for (const { bell } of sources) bell?.stop();
  await Promise.all(sources.map(({ bell }) => bell?.close()));
}

type Take = (counts: Counts, text: string, rang: boolean) => void;

const ofMemory: Take = (counts, text) => {
  const told = keyed(text);
  counts.oom = told.oom ?? 0;
  counts.oomKill = told.oom_kill ?? 0;
  counts.memoryMax = told.max ?? 0;
};

const ofPids: Take = (counts, text) => {
  counts.pidsMax = keyed(text).max ?? 0;
};

/** A group that rings and is as it was had a process for a moment; unless it was only frozen and thawed. */
function emptiness(): Take {
  let before: { populated: boolean; frozen: boolean } | undefined;
  return (counts, text, rang) => {
    const told = keyed(text);
    const now = { populated: told.populated === 1, frozen: told.frozen === 1 };
    const emptied = before?.populated && !now.populated;
    const briefly = rang && before && !before.populated && !now.populated && before.frozen === now.frozen;
    if (emptied || briefly) counts.empty++;
    before = now;
  };
}

/** A file of v2, read through the descriptor that is polled: reading is what makes it quiet (kernfs_notify()). */
async function polled(part: Part, file: string, subject: string, take: Take): Promise<Source | undefined> {
  let fd: Fd;
  try {
    fd = await openIn(part.directory, file, constants.O_RDONLY, subject);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  const wasRung = () => native().tableChanged(fd.native);
  const read = async (counts: Counts) => {
    const rang = wasRung();
    const told = await native().readTable(fd.native);
    if (typeof told === 'number') return false;
    take(counts, Buffer.from(told[0]).toString().trimEnd(), rang);
    return true;
  };
  return { bell: new Bell(fd), read, wasRung };
}

/** On v1 these wake nobody. */
function timed({ directory }: Part, file: string, take: Take): Source {
  const read = async (counts: Counts) => {
    const text = await readOne(directory, file);
    if (text !== undefined) take(counts, text, false);
    return text !== undefined;
  };
  return { read, wasRung: () => false };
}

/** Without v2 nothing tells that a group is empty. */
function procsOnV1(part: Part): Source {
  let before: boolean | undefined;
  return timed(part, 'cgroup.procs', (counts, text) => {
    if (before && text === '') counts.empty++;
    before = text !== '';
  });
}

const EFD_NONBLOCK_CLOEXEC = 0o2004000;

/**
 * memory.oom_control rings an eventfd that was registered in cgroup.event_control, before the kernel looks for whom to
 * kill, and when the group goes: the kill is found in the file a little later.
 */
async function oomOnV1({ directory }: Part, subject: string): Promise<Source | undefined> {
  const steps = new Steps();
  const made = steps.add('eventfd2', [0, EFD_NONBLOCK_CLOEXEC], { keep: true });
  const done = await steps.run(HERE);
  const error = done.error({ subject });
  if (error) throw error;
  const fd = done.fd(made);
  try {
    const control = await openIn(directory, 'memory.oom_control', constants.O_RDONLY, subject);
    try {
      await writeFiles(directory, [['cgroup.event_control', `${fd.number} ${control.number}`]], subject);
    } finally {
      await control.close();
    }
  } catch (failed) {
    await fd.close();
    if (isGone(failed)) return undefined;
    throw failed;
  }
  const read = async (counts: Counts) => {
    const rang = await ringsOf(fd);
    const text = await readOne(directory, 'memory.oom_control');
    if (text === undefined) return false;
    const killed = keyed(text).oom_kill ?? 0;
    counts.oom += rang;
    counts.oomKill = killed;
    return true;
  };
  return { bell: new Bell(fd, false), read, wasRung: () => false };
}

async function ringsOf(fd: Fd): Promise<number> {
  const steps = new Steps();
  const read = steps.add('read', [fd, 8], { optional: true });
  const done = await steps.run(HERE);
  const bytes = done.bytes(read);
  if (bytes.length < 8) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Number(view.getBigUint64(0, endianness() === 'LE'));
}
