import { constants } from 'node:fs';
import { isAbsolute } from 'node:path';
import { NsnetError, systemError } from '../syscalls/errors.js';
import { HERE, isFailure } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { Steps } from '../syscalls/steps.js';
import { checkInteger, checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import type { CopySource } from './driver.js';

const O_PATH = 0o10000000;
const RESOLVE = { NO_MAGICLINKS: 0x02, IN_ROOT: 0x10 } as const;
const EAGAIN = -11;
const ENOENT = -2;
const ENOSYS = -38;
/** How often a lookup is begun anew because somebody renames directories meanwhile. */
const ATTEMPTS = 100;

export function checkSource(value: unknown): asserts value is CopySource {
  if (typeof value === 'string') {
    checkString('from', value);
    if (value === '') throw invalidValue('from', 'a path', value);
    return;
  }
  const fd = typeof value === 'object' && value !== null ? (value as { fd?: unknown }).fd : undefined;
  if (typeof fd !== 'number') throw invalidType('from', 'a path or an object with fd', value);
  checkInteger('from.fd', fd, 0, 0x7fffffff);
}

export function checkInner(path: unknown): asserts path is string {
  checkString('path', path);
  if (!isAbsolute(path))
    throw invalidValue('path', "an absolute path within the source, such as '/data',", path);
}

/**
 * The directory that is to be copied; undefined if the source has none of that path. The source's own path is the
 * caller's, and symbolic links in it are followed. The path within is looked up by the kernel as if the source were the
 * root directory (openat2(2) with RESOLVE_IN_ROOT, Linux 5.6): image configurations have named `/../../etc`
 * (CVE-2022-23648), and images hold symbolic links that are fine inside and lead to the host outside.
 */
export async function openSource(from: CopySource, path: string): Promise<Fd | undefined> {
  const root = typeof from === 'string' ? await openRoot(from) : Fd.duplicate(from.fd);
  try {
    for (let attempt = 0; ; attempt++) {
      const steps = new Steps();
      const opened = steps.add('openat2', [root, path, how()], { keep: true });
      const outcome = await steps.run(HERE);
      if (outcome.errno === 0) return outcome.fd(opened);
      if (outcome.errno === ENOENT) return undefined;
      if (outcome.errno === EAGAIN && attempt < ATTEMPTS) continue;
      if (outcome.errno === ENOSYS)
        throw new NsnetError('ERR_NSNET_UNSUPPORTED', 'openat2(2) is not to be had here (Linux 5.6)');
      throw outcome.error({ subject: `'${path}' in ${shown(from)}` });
    }
  } finally {
    await root.close();
  }
}

const shown = (from: CopySource): string =>
  typeof from === 'string' ? `'${from}'` : `descriptor ${from.fd}`;

async function openRoot(path: string): Promise<Fd> {
  const flags = O_PATH | constants.O_DIRECTORY;
  const opened = await native().open(HERE.entries, HERE.ownMemory, path, flags, 0);
  if (isFailure(opened)) throw systemError(opened.errno, opened.syscall, { subject: `'${path}'` });
  return new Fd(opened);
}

/** struct open_how. */
function how(): Uint8Array {
  const O_CLOEXEC = 0o2000000;
  const fields = [O_PATH | constants.O_DIRECTORY | O_CLOEXEC, 0, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS];
  return new Uint8Array(new BigUint64Array(fields.map(BigInt)).buffer);
}
