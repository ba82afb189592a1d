// What a row has left open. The runtimes have sockets and pipes of their own; namespaces, processes and mounts are ours.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const target = (name) => {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    return undefined;
  }
};

const ours = /^(?:net|mnt|pid|uts|ipc|cgroup|time):\[|^anon_inode:\[pidfd\]|^socket:|^pipe:|\/ptmx$/;

// Bun duplicates its standard descriptors when it writes to them.
const standard = new Set(['0', '1', '2'].map(target));

/** Unix sockets of this process's own network namespace: Deno makes pairs of them when it likes, nsnet makes none. */
const outside = () =>
  new Set(
    readFileSync('/proc/self/net/unix', 'utf8')
      .split('\n')
      .map((line) => `socket:[${line.trim().split(/ +/)[6]}]`),
  );

export function descriptors() {
  const paths = readdirSync('/proc/self/fd').map(target);
  const foreign = outside();
  return paths.filter((path) => path && ours.test(path) && !standard.has(path) && !foreign.has(path));
}

/** What is open, if that is more than `before`, after the time that closing takes. */
export async function left(before) {
  const end = performance.now() + 2000;
  let now = descriptors();
  while (now.length > before.length && performance.now() < end) {
    await sleep(20);
    now = descriptors();
  }
  return now.length > before.length ? now : [];
}
