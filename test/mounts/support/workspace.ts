// Directories to mount from and on, on a file system that can hold the upper layer of an overlay.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { privileged } from '../../support/privileges.js';

const OVERLAYFS = 0x794c7630;
const TMPFS = 0x01021994;

/** Not an overlay, which cannot be another's upper; rather no tmpfs, which stores no user.* attributes before 6.6. */
function base(): string {
  const candidates = ['/var/tmp', tmpdir(), '/dev/shm'];
  const typeOf = (path: string) => statfsSync(path).type;
  const best = candidates.find((path) => ![OVERLAYFS, TMPFS].includes(typeOf(path)));
  return best ?? (candidates.find((path) => typeOf(path) !== OVERLAYFS) as string);
}

export interface Workspace extends Disposable {
  readonly path: string;
  /** Makes files with the given content; directories where it is null. */
  fill(files: Record<string, string | null>): void;
  at(...names: string[]): string;
}

/** A directory that is removed afterwards; that nothing is mounted in it any more is part of the test. */
export function workspace(): Workspace {
  const path = mkdtempSync(join(base(), 'nsnet-mounts-'));
  const at = (...names: string[]) => join(path, ...names);
  return {
    path,
    at,
    fill(files) {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(content === null ? at(name) : dirname(at(name)), { recursive: true });
        if (content !== null) writeFileSync(at(name), content);
      }
    },
    [Symbol.dispose]() {
      expect(mountsIn(path)).toEqual([]);
      if (!privileged) loosen(path);
      rmSync(path, { recursive: true });
    },
  };
}

/** What is mounted in a directory, in this process's mount namespace. */
export function mountsIn(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => target === path || target.startsWith(`${path}/`));
}

/** An overlay leaves a directory without permissions in its work directory, which an ordinary user must open first. */
function loosen(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inner = join(path, entry.name);
    chmodSync(inner, 0o700);
    loosen(inner);
  }
}
