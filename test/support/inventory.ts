import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { runningProcesses, startedByUs } from './processes.js';

/** Things that a test may leave behind, each as one line; a line that occurs twice is two things. */
export interface Inventory {
  /** Of this process, or of processes that it started. */
  own: string[];
  /** Of this machine: another program may make and remove them, too. */
  shared: string[];
  /** Another run of this suite is under way on this machine. */
  disturbed: boolean;
}

const list = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

const target = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};

const isNamespace = (name: string | undefined) =>
  name !== undefined && /^(?!socket|pipe)\w+:\[\d+\]$/.test(name);

function descriptors(): string[] {
  const scan = `/proc/${process.pid}/fd`;
  return list(scan).flatMap((fd) => {
    const open = target(`${scan}/${fd}`);
    return open === undefined || open === scan ? [] : [`descriptor of ${open}`];
  });
}

/** The add-on's threads, and threads that are not in the namespaces of the main thread. */
function threads(): string[] {
  const home = ['net', 'mnt', 'user', 'uts', 'ipc'].map((type) => [type, target(`/proc/self/ns/${type}`)]);
  return list('/proc/self/task').flatMap((thread) => {
    const at = `/proc/self/task/${thread}`;
    let name: string;
    try {
      name = readFileSync(`${at}/comm`, 'utf8').trim();
    } catch {
      return [];
    }
    const strayed = home.filter(([type, id]) => {
      const now = target(`${at}/ns/${type}`);
      return now !== undefined && now !== id;
    });
    if (strayed.length)
      return [`thread ${name} outside the process's ${strayed.map(([type]) => type).join(', ')} namespace`];
    return name.startsWith('nsnet') ? [`thread ${name}`] : [];
  });
}

/** A process that outlives its test may keep namespaces alive: they are named with it. */
function processes(mark: string, suite: string): { lines: string[]; disturbed: boolean } {
  const all = runningProcesses();
  const ours = startedByUs(all, mark);
  const lines = ours
    .filter(({ state, parent }) => state !== 'Z' || parent === process.pid)
    .map(({ pid, command, state }) => {
      const held = list(`/proc/${pid}/fd`).map((fd) => target(`/proc/${pid}/fd/${fd}`));
      const holds = new Set([target(`/proc/${pid}/ns/net`), ...held].filter(isNamespace));
      holds.delete(target('/proc/self/ns/net'));
      const namespaces = holds.size ? `, which holds ${[...holds].join(', ')}` : '';
      return `process ${pid}${state === 'Z' ? ' (not waited for)' : ''}: ${command}${namespaces}`;
    });
  const disturbed = all.some(({ environment }) => {
    const [, other] = /(?:^|\0)NSNET_SUITE=(\d+)/.exec(environment) ?? [];
    return other !== undefined && other !== suite;
  });
  return { lines, disturbed };
}

function mounts(): string[] {
  return (
    readFileSync('/proc/self/mountinfo', 'utf8')
      .trim()
      .split('\n')
      // The first name that is pinned makes the directory a mount of itself, as `ip netns add` does; that stays.
      .filter((line) => line.split(' ')[4] !== '/run/netns')
      .map((line) => {
        const [id, , , root, point] = line.split(' ');
        return `mount ${id} of ${line.split(' - ')[1]?.split(' ')[0]} ${root} on ${point}`;
      })
  );
}

/** nsnet's groups, and the folder that they are in, in any hierarchy. */
function cgroups(directory = '/sys/fs/cgroup', inside = false): string[] {
  let entries: string[];
  try {
    entries = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
  return entries.flatMap((name) => {
    const ours = inside || name === 'nsnet';
    const path = `${directory}/${name}`;
    return [...(ours ? [`cgroup ${path}`] : []), ...cgroups(path, ours)];
  });
}

/** `mark` is in the environment of what this process starts, `suite` names the run that it belongs to. */
export function takeInventory(mark: string, suite: string): Inventory {
  const { lines, disturbed } = processes(mark, suite);
  return {
    own: [...descriptors(), ...threads(), ...lines],
    shared: [
      ...mounts(),
      ...cgroups(),
      ...list('/run/netns').map((name) => `name /run/netns/${name}`),
      ...list('/sys/class/net').map((name) => `link ${name}`),
    ],
    disturbed,
  };
}

/** What is in `after` and was not in `before`. */
export function added(before: string[], after: string[]): string[] {
  const left = new Map<string, number>();
  for (const line of before) left.set(line, (left.get(line) ?? 0) + 1);
  return after.filter((line) => {
    const count = left.get(line) ?? 0;
    if (count > 0) left.set(line, count - 1);
    return count === 0;
  });
}
