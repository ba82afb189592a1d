import { readdirSync, readFileSync } from 'node:fs';

export interface Running {
  pid: number;
  parent: number;
  state: string;
  command: string;
  environment: string;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The processes of this machine, as far as they are visible to us. */
export function runningProcesses(): Running[] {
  const found: Running[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // The command's name is in parentheses and may hold any character, parentheses included.
    const [, name, state, parent] = /^\d+ \((.*)\) (\S) (\d+)/s.exec(textOf(`/proc/${pid}/stat`)) ?? [];
    if (name === undefined || state === undefined) continue;
    const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() || name;
    found.push({
      pid: +pid,
      parent: Number(parent),
      state,
      command,
      environment: textOf(`/proc/${pid}/environ`),
    });
  }
  return found;
}

/** What this process started, its children's children and those that have lost their parents included. */
export function startedByUs(processes: Running[], mark: string): Running[] {
  const ours = new Set([process.pid]);
  const started = new Set<Running>();
  let before: number;
  do {
    before = started.size;
    for (const one of processes) {
      if (ours.has(one.pid) || !(ours.has(one.parent) || one.environment.includes(mark))) continue;
      ours.add(one.pid);
      started.add(one);
    }
  } while (started.size > before);
  return [...started];
}
