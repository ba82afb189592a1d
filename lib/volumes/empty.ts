import { constants } from 'node:fs';
import { endianness } from 'node:os';
import { HERE } from '../syscalls/excursion.js';
import { Steps } from '../syscalls/steps.js';

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
/** struct linux_dirent64: inode and offset of 64 bits, length of 16, type of 8, name. */
const LENGTH_AT = 16;
const NAME_AT = 19;

/**
 * Whether a directory holds nothing. Its first entries are read and no more, however many there are, and its descriptor
 * never comes to JavaScript, where a Worker that is terminated would lose it.
 */
export async function isEmpty(path: string): Promise<boolean> {
  const steps = new Steps();
  const directory = steps.add('openat', [
    AT_FDCWD,
    path,
    constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC,
    0,
  ]);
  // A file system may hand out . and .. by themselves.
  const reads = [1, 2, 3].map(() => steps.add('getdents64', [directory, 1024]));
  const outcome = await steps.run(HERE);
  const error = outcome.error({ subject: path });
  if (error) throw error;
  return reads.every((read) => names(outcome.bytes(read)).every((name) => name === '.' || name === '..'));
}

function names(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint16(at + LENGTH_AT, endianness() === 'LE');
    const name = bytes.subarray(at + NAME_AT, at + length);
    found.push(Buffer.from(name.subarray(0, name.indexOf(0))).toString('latin1'));
    at += length;
  }
  return found;
}
