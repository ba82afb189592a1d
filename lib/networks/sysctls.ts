import { constants } from 'node:fs';
import type { Internals } from '../namespaces/network.js';
import { systemError } from '../syscalls/errors.js';
import { Steps } from '../syscalls/steps.js';

const AT_FDCWD = -100;
const ENOENT = -2;
const ROOM = 32;
/** O_CLOEXEC, which node:fs has not. */
const O_CLOEXEC = 0o2000000;

/** Below /proc/sys/net, with '/' between the parts: devices' names may hold dots. */
export type Sysctl = readonly [key: string, value: string | number];

const pathOf = (key: string) => `/proc/sys/net/${key}`;

/** Sets them in one excursion. What this kernel has not, as IPv6 where it was left out, is passed over. */
export async function setSysctls(inner: Internals, settings: readonly Sysctl[]): Promise<void> {
  if (settings.length === 0) return;
  const steps = new Steps();
  const done = settings.map(([key, value]) => {
    const file = steps.add('openat', [AT_FDCWD, pathOf(key), constants.O_WRONLY | O_CLOEXEC, 0], {
      optional: true,
    });
    return { key, file, written: steps.add('write', [file, Buffer.from(`${value}\n`)], { optional: true }) };
  });
  const outcome = await steps.run(inner.inside());
  for (const { key, file, written } of done) {
    const opened = outcome.result(file);
    if (opened === ENOENT) continue;
    const errno = opened < 0 ? opened : outcome.result(written);
    if (errno < 0) {
      const syscall = opened < 0 ? 'openat' : 'write';
      throw systemError(errno, syscall, { subject: `sysctl net/${key} in ${inner.subject}` });
    }
  }
}

/** Their values, in order; undefined for what this kernel has not. */
export async function readSysctls(
  inner: Internals,
  keys: readonly string[],
): Promise<(string | undefined)[]> {
  if (keys.length === 0) return [];
  const steps = new Steps();
  const reads = keys.map((key) => {
    const file = steps.add('openat', [AT_FDCWD, pathOf(key), constants.O_RDONLY | O_CLOEXEC, 0], {
      optional: true,
    });
    return { file, read: steps.add('read', [file, ROOM], { optional: true }) };
  });
  const outcome = await steps.run(inner.inside());
  return reads.map(({ file, read }) =>
    outcome.result(file) < 0 || outcome.result(read) < 0
      ? undefined
      : Buffer.from(outcome.bytes(read)).toString().trim(),
  );
}
