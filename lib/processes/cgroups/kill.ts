import { Pause } from '../../handles/lock.js';
import { abortError, systemError } from '../../syscalls/errors.js';
import { isGone, writeFiles } from './files.js';
import { whileFreezing } from './freeze.js';
import type { Group } from './group.js';
import { isPopulated, processesIn, withProcesses } from './members.js';

const EBUSY = -16;

/** SIGKILL to all in a group and below it; resolves when none of them is left. `most`: EBUSY after so many ms. */
export async function kill(group: Group, { signal, most }: { signal?: AbortSignal; most?: number } = {}) {
  for (const pause = new Pause(signal, most); ; await pause.pass()) {
    if (signal?.aborted) throw abortError(signal);
    if (!(await isPopulated(group))) return;
    if (pause.over) {
      throw systemError(EBUSY, 'kill', {
        subject: await withProcesses(group),
        hint: 'A process that waits in the kernel dies only when that wait ends',
      });
    }
    if (!(await killAtOnce(group))) await whileFreezing(group, () => killEach(group));
  }
}

/** cgroup.kill (Linux 5.14): nobody escapes by forking. */
async function killAtOnce({ unified, subject }: Group): Promise<boolean> {
  if (!unified) return false;
  try {
    await writeFiles(unified.directory, [['cgroup.kill', '1']], subject);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

async function killEach(group: Group): Promise<void> {
  for (const pid of await processesIn(group)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      if (code !== 'ESRCH') throw systemError(errno ?? -1, 'kill', { subject: `process ${pid}` });
    }
  }
}
