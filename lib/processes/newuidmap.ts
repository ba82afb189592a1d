import { type NsnetError, systemError } from '../syscalls/errors.js';
import type { Process } from './process.js';
import type { IdRange, SpawnOptions } from './types.js';

type Start = (file: string, args: readonly string[], options: SpawnOptions) => Promise<Process>;

/** Has the ids of a process mapped by the programs that may do so for this user. */
export async function mapByHelpers(pid: number, options: SpawnOptions, start: Start): Promise<void> {
  const { uidMap = [], gidMap = [], signal } = options;
  await help('newuidmap', pid, uidMap, start, signal);
  await help('newgidmap', pid, gidMap, start, signal);
}

async function help(
  file: string,
  pid: number,
  ranges: readonly IdRange[],
  start: Start,
  signal: AbortSignal | undefined,
): Promise<void> {
  const numbers = ranges.flatMap(({ inside, outside, count }) => [inside, outside, count]);
  const subject = `the ids of process ${pid}`;
  const helper = await start(file, [pid, ...numbers].map(String), {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  }).catch((error: NsnetError) => {
    throw error.code === 'ENOENT'
      ? systemError(-2, error.syscall as string, {
          subject: file,
          hint: 'It is not installed: it is of the package uidmap, or shadow-utils',
        })
      : error;
  });
  try {
    let said = '';
    for await (const text of helper.stderr?.setEncoding('utf8') ?? []) said += text;
    const { code } = await helper.exited;
    if (code === 0) return;
    throw systemError(-1, file, {
      subject,
      kernel: said.trim() || undefined,
      hint: `/etc/sub${file.slice(3, 6)} must give this user the ids, and those outside be its own or of these`,
    });
  } finally {
    await helper.close();
  }
}
