import { Handle } from '../../handles/handle.js';
import type { Call } from '../../handles/listing.js';
import type { Lock } from '../../handles/lock.js';
import { abortError, closedError, systemError, withNotUndone } from '../../syscalls/errors.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  illegalConstructor,
} from '../../syscalls/validate.js';
import { applyLimits, readLimits } from './change.js';
import { type CgroupEvent, Events } from './events.js';
import { freeze, thaw } from './freeze.js';
import type { Group } from './group.js';
import type { Controller } from './hierarchies.js';
import { kill } from './kill.js';
import { checkLimits, type Limits } from './limits.js';
import { makeEverywhere } from './make.js';
import { isPopulated, leave, move, processesIn, withProcesses } from './members.js';
import { checkCgroupName } from './names.js';
import { hold, setFate } from './owner.js';
import { openParts, removeParts } from './parts.js';
import { remember } from './placement.js';
import { reapAll } from './reap.js';
import { type CgroupStats, statsOf } from './stats.js';

/** A pid, or what has one. */
export type ProcessRef = number | { readonly pid: number };

export interface CgroupData {
  name: string;
  path: string;
  version: 1 | 2;
}

const PID_MAX = 2 ** 22;
const EBUSY = -16;
const ENOENT = -2;
/** In ms: how long close() waits for what it killed. */
const PATIENCE = 10_000;

let making = false;

/**
 * A control group: processes whose CPU time, memory, number and I/O are limited and counted together, and that are
 * frozen and killed together (cgroups(7)). On cgroup v2 it is one directory, on v1 one in each hierarchy, and where both
 * are mounted each controller is used where it is.
 *
 * Groups are made below the group that was delegated to this process: as root that is any, for others see
 * docs/cgroups.md. close() of one that this object made ends the processes in it and removes it with those below it.
 */
export class Cgroup extends Handle {
  /** 'web', or 'web/api' for a group below another one. */
  readonly name: string;
  /** Its directory: the one on cgroup v2 where there is one. */
  readonly path: string;
  readonly #group: Group;
  readonly #lock: Lock;
  readonly #events = new Set<Events>();
  readonly #giveUp = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  constructor(group: Group, lock: Lock, owned: boolean) {
    if (!making) throw illegalConstructor('Cgroup', 'Cgroup.create(name)');
    super(owned);
    this.name = group.name;
    this.path = group.first.path;
    this.#group = group;
    this.#lock = lock;
    remember(this, group);
    this.warnIfCollected(this.toString());
  }

  /**
   * Makes a group, all of it with its limits or nothing. EEXIST if there is one of that name; one whose owner has died is
   * removed for it, with what is still in it. EACCES, EPERM or EROFS, with the cure, where this process may make none;
   * ERR_NSNET_UNSUPPORTED where a limit's controller, or its file, is not there.
   */
  static async create(name: string, limits: Limits = {}, call: Call = {}): Promise<Cgroup> {
    checkCgroupName(name);
    checkLimits(limits);
    const signal = signalOf(call);
    const { group, lock } = await makeEverywhere(name, signal);
    const made = build(group, lock, true);
    try {
      await applyLimits(group, limits);
      if (signal?.aborted) throw abortError(signal);
      return made;
    } catch (error) {
      await made.close().catch((left) => {
        throw withNotUndone(error, left);
      });
      throw error;
    }
  }

  /** A group that this or another process has made. ENOENT if there is none. */
  static async open(name: string, call: Call = {}): Promise<Cgroup> {
    checkCgroupName(name);
    const signal = signalOf(call);
    const group = await openParts(name);
    if (!group)
      throw systemError(ENOENT, 'open', {
        subject: `cgroup '${name}'`,
        hint: 'Cgroup.create() makes one; what was made below another delegated group is not seen from here',
      });
    const lock = await hold(group.first.path, signal).catch(async (error) => {
      await group.close();
      throw error;
    });
    if (lock) return build(group, lock, false);
    await group.close();
    return Cgroup.open(name, call);
  }

  /**
   * Removes the groups whose owners died without close(), and ends what still runs in them. An owner, and whoever has
   * opened a group, lives as long as it holds the lock (flock(2)) on the group's directory; groups that were released
   * stay. Resolves to the names of what was removed.
   */
  static async gc(call: Call = {}): Promise<string[]> {
    signalOf(call);
    return reapAll();
  }

  /** Where each controller of it is: { cpu: '/sys/fs/cgroup/cpu/nsnet/web', … }. */
  async controllers(call: Call = {}): Promise<Partial<Record<Controller, string>>> {
    return this.#do(call, async () => {
      const found: Partial<Record<Controller, string>> = {};
      for (const controller of ['cpu', 'cpuset', 'memory', 'pids', 'io'] as const) {
        const part = await this.#group.part(controller);
        if (part) found[controller] = part.path;
      }
      return found;
    });
  }

  /** Changes what is given: all of it, or nothing. */
  async set(limits: Limits, call: Call = {}): Promise<void> {
    checkLimits(limits);
    return this.#do(call, () => applyLimits(this.#group, limits));
  }

  /** What is limited, as the kernel has it: memory in whole pages. What is not is left out. */
  async limits(call: Call = {}): Promise<Limits> {
    return this.#do(call, () => readLimits(this.#group));
  }

  async stats(call: Call = {}): Promise<CgroupStats> {
    return this.#do(call, () => statsOf(this.#group));
  }

  /** Moves a process into it, with all its threads; what it starts from then on is born there. ESRCH if it has ended. */
  async add(process: ProcessRef, call: Call = {}): Promise<void> {
    const pid = typeof process === 'object' && process !== null ? process.pid : process;
    checkInteger('pid', pid, 1, PID_MAX);
    return this.#do(call, () => move(this.#group, pid));
  }

  /** The pids of what is in it and in groups below it, as this process's pid namespace numbers them. */
  async processes(call: Call = {}): Promise<number[]> {
    return this.#do(call, () => processesIn(this.#group));
  }

  /** Stops all that is in it, and resolves when it stands still. EDEADLK if this process is in it. */
  async freeze(call: Call = {}): Promise<void> {
    return this.#do(call, async () => {
      await this.#notMyself('freeze');
      await freeze(
        this.#group,
        AbortSignal.any([this.#giveUp.signal, ...(call.signal ? [call.signal] : [])]),
      );
    });
  }

  /** Lets it go on. */
  async thaw(call: Call = {}): Promise<void> {
    return this.#do(call, () => thaw(this.#group), true);
  }

  /** SIGKILL to all that is in it and below it; resolves when none is left. EDEADLK if this process is in it. */
  async kill(call: Call = {}): Promise<void> {
    const work = async () => {
      await this.#notMyself('kill');
      await kill(this.#group, { signal: call.signal });
    };
    return this.#do(call, work, true);
  }

  /** Removes it with the groups below it, whoever made it; again is no error. EBUSY while there are processes in it. */
  async delete(call: Call = {}): Promise<void> {
    return this.#do(call, async () => {
      if (await isPopulated(this.#group)) {
        throw systemError(EBUSY, 'rmdir', {
          subject: await withProcesses(this.#group),
          hint: 'kill() ends them; close() of the object that made it does both',
        });
      }
      await removeParts(this.#group);
    });
  }

  /** What happens to it from now on; a reader that is slow is told how often. `break` and close() end it quietly. */
  events(call: Call = {}): AsyncIterableIterator<CgroupEvent> {
    const signal = signalOf(call, false);
    if (this.closed) throw closedError(this.toString());
    const events = new Events(this.#group, signal, (ended) => this.#events.delete(ended));
    this.#events.add(events);
    // What is done to the group after this call is told.
    this.#last = this.#last.then(() => events.begun).catch(() => {});
    return events;
  }

  /** From now on it stays, until delete(); close() only lets go. */
  override release(): this {
    if (this.owned && !this.closed) this.#last = this.#last.then(() => setFate(this.path, 'kept'));
    return super.release();
  }

  toString(): string {
    return `Cgroup ${this.name} at ${this.path}`;
  }

  toJSON(): CgroupData {
    return { name: this.name, path: this.path, version: this.#group.first.base.hierarchy.version };
  }

  protected async dispose(owned: boolean): Promise<void> {
    this.#giveUp.abort();
    await this.#last;
    await Promise.all([...this.#events].map((events) => events.end()));
    if (owned) {
      if ((await processesIn(this.#group)).includes(process.pid)) await leave(this.#group);
      await kill(this.#group, { most: PATIENCE });
      await removeParts(this.#group);
    }
    await Promise.all([this.#group.close(), this.#lock.close()]);
  }

  async #notMyself(what: string): Promise<void> {
    if (!(await processesIn(this.#group)).includes(process.pid)) return;
    throw systemError(-35, what, {
      subject: this.#group.subject,
      hint: 'This process is in it itself: move it elsewhere first',
    });
  }

  /**
   * One after another: what undoes a change must not undo another one's. What sets free does not wait: behind a freeze
   * that takes for ever it would wait for ever as well.
   */
  async #do<T>(call: Call, work: () => Promise<T>, atOnce = false): Promise<T> {
    const signal = signalOf(call);
    if (this.closed) throw closedError(this.toString());
    const before = this.#last;
    const turn = (atOnce ? Promise.resolve() : before).then(() => {
      if (signal?.aborted) throw abortError(signal);
      return work();
    });
    this.#last = Promise.allSettled([before, turn]);
    return turn;
  }
}

function build(group: Group, lock: Lock, owned: boolean): Cgroup {
  making = true;
  try {
    return new Cgroup(group, lock, owned);
  } finally {
    making = false;
  }
}

function signalOf(call: Call, throws = true): AbortSignal | undefined {
  checkObject('options', call);
  checkKeys('options', call, ['signal']);
  checkSignal(call.signal);
  if (throws && call.signal?.aborted) throw abortError(call.signal);
  return call.signal;
}
