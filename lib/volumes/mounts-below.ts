import { readFile, readlink } from 'node:fs/promises';
import type { Fd } from '../syscalls/fd.js';

/**
 * What is mounted on a directory or below it, by proc_pid_mountinfo(5). Mounts of other mount namespaces are not seen,
 * and stand in nobody's way: the kernel takes them off when what they are mounted on is removed (Linux 3.18).
 */
export async function mountsBelow(directory: Fd): Promise<string[]> {
  const path = await readlink(`/proc/self/fd/${directory.number}`).catch(() => undefined);
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  if (path === undefined) return [];
  return mounts
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((point) => point === path || point.startsWith(`${path}/`));
}

/** White space and backslashes are written as three octal digits. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}
