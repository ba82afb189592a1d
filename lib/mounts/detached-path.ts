/** The `path` of a detached mount of this process, or a path in it: its descriptor, and what follows. */
export function detachedPath(path: string): { fd: number; inside: string } | undefined {
  const [, pid, fd, inside] = /^\/proc\/(self|\d+)\/fd\/(\d+)(?:\/(.*))?$/s.exec(path) ?? [];
  if (pid !== 'self' && Number(pid) !== process.pid) return undefined;
  return { fd: Number(fd), inside: inside || '.' };
}
