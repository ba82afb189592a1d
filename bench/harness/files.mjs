// Where things are.
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const bench = fileURLToPath(new URL('..', import.meta.url));
export const project = join(bench, '..');

/** The folder for what is built: bench/.build, or one of its own for a user who may not write there. */
function buildFolder() {
  const usual = join(bench, '.build');
  try {
    mkdirSync(usual, { recursive: true });
    accessSync(usual, constants.W_OK);
    return usual;
  } catch {
    const own = mkdtempSync(join(tmpdir(), 'nsnet-bench-'));
    process.once('exit', () => rmSync(own, { recursive: true, force: true }));
    return own;
  }
}

export const build = buildFolder();

/** The full path of a program on PATH, or undefined. */
export function which(name) {
  const folders = `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
