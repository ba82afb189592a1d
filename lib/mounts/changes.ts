import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { abortError } from '../syscalls/errors.js';
import { HERE } from '../syscalls/excursion.js';
import { type Step, Steps } from '../syscalls/steps.js';

/** What a layer changes in those below it. */
export interface LayerChange {
  type: 'added' | 'changed' | 'removed';
  /** In the overlay: '/etc/hosts'. */
  path: string;
}

const ATTRIBUTE_BYTES = 256;

/** Marks of overlayfs: in trusted.* attributes, or in user.* ones where it was mounted without privileges. */
const PREFIXES = ['trusted.overlay.', 'user.overlay.'];

/** The marks of some paths, by name; those that are not there are left out. */
async function marksOf(paths: readonly string[], names: readonly string[]): Promise<Map<string, string>[]> {
  const out: Map<string, string>[] = [];
  const each = PREFIXES.length * names.length;
  const atOnce = Math.floor(60 / each);
  for (let from = 0; from < paths.length; from += atOnce) {
    const steps = new Steps();
    const asked: [Map<string, string>, string, Step][] = [];
    for (const path of paths.slice(from, from + atOnce)) {
      const marks = new Map<string, string>();
      out.push(marks);
      for (const name of names) {
        for (const prefix of PREFIXES) {
          asked.push([
            marks,
            name,
            steps.add('lgetxattr', [path, prefix + name, ATTRIBUTE_BYTES], { optional: true }),
          ]);
        }
      }
    }
    const outcome = await steps.run(HERE);
    for (const [marks, name, step] of asked)
      if (outcome.result(step) >= 0) marks.set(name, Buffer.from(outcome.bytes(step)).toString());
  }
  return out;
}

const isWhiteoutDevice = (status: Stats) => status.isCharacterDevice() && status.rdev === 0;

/** A tree of layers, to be asked what is at a path. */
class Lowers {
  readonly #roots: readonly string[];
  readonly #opaque = new Map<string, boolean>();

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  /** What the lowers show at a path; undefined for nothing. */
  async at(path: string): Promise<Stats | undefined> {
    for (const root of this.#roots) {
      const status = await statusOf(root + path);
      if (status)
        return isWhiteoutDevice(status) || (await isWhiteout(root + path, status)) ? undefined : status;
      if (await this.#hides(root, path)) return undefined;
    }
    return undefined;
  }

  /** The names that the lowers show in a directory. */
  async names(path: string): Promise<string[]> {
    const names = new Set<string>();
    for (const root of this.#roots) {
      for (const { name } of await entriesOf(root + path)) names.add(name);
      if (await this.#hides(root, `${path}/x`)) break;
    }
    const shown = await Promise.all(
      [...names].map(async (name) => ((await this.at(`${path}/${name}`)) ? name : '')),
    );
    return shown.filter((name) => name !== '').sort();
  }

  /** Whether a layer keeps those below it from showing anything at a path, by what a directory above it is there. */
  async #hides(root: string, path: string): Promise<boolean> {
    const names = path.split('/').slice(1, -1);
    let at = root;
    for (const name of names) {
      at += `/${name}`;
      const status = await statusOf(at);
      if (!status) return false;
      if (!status.isDirectory()) return true;
      if (await this.#isOpaque(at)) return true;
    }
    return false;
  }

  async #isOpaque(path: string): Promise<boolean> {
    let opaque = this.#opaque.get(path);
    if (opaque === undefined) {
      const [marks] = await marksOf([path], ['opaque']);
      opaque = marks?.get('opaque') === 'y';
      this.#opaque.set(path, opaque);
    }
    return opaque;
  }
}

async function statusOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(nothing);
}

async function entriesOf(path: string): Promise<Dirent[]> {
  return (await readdir(path, { withFileTypes: true }).catch(nothing)) ?? [];
}

function nothing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR' && error.code !== 'ELOOP') throw error;
}

/** An empty file with a mark, where device nodes could not be made (Linux 6.8). */
async function isWhiteout(path: string, status: Stats): Promise<boolean> {
  if (!status.isFile() || status.size !== 0) return false;
  const [marks] = await marksOf([path], ['whiteout']);
  return marks?.has('whiteout') ?? false;
}

/** What an upper layer says. */
export async function readChanges(
  upper: string,
  lower: readonly string[],
  signal?: AbortSignal,
): Promise<LayerChange[]> {
  const lowers = new Lowers(lower.map(trimmed));
  const root = trimmed(upper);
  const changes: LayerChange[] = [];
  const walk = async (path: string, replaced: boolean): Promise<void> => {
    if (signal?.aborted) throw abortError(signal);
    const entries = (await entriesOf(root + path)).sort((a, b) => (a.name < b.name ? -1 : 1));
    const paths = entries.map(({ name }) => `${path}/${name}`);
    const marks = await marksOf(
      paths.map((one) => root + one),
      ['opaque', 'redirect', 'whiteout'],
    );
    const moved = new Set<string>();
    for (const [i, one] of paths.entries()) {
      const status = await statusOf(root + one);
      if (!status) continue;
      const mark = marks[i] as Map<string, string>;
      const below = replaced ? undefined : await lowers.at(one);
      if (isWhiteoutDevice(status) || (status.isFile() && status.size === 0 && mark.has('whiteout'))) {
        if (below) changes.push({ type: 'removed', path: one });
        continue;
      }
      moved.add((entries[i] as Dirent).name);
      const merges = status.isDirectory() && below?.isDirectory() === true;
      if (merges && !mark.has('redirect') && mark.get('opaque') !== 'y') {
        changes.push({ type: 'changed', path: one });
        await walk(one, false);
        continue;
      }
      changes.push({ type: below ? 'changed' : 'added', path: one });
      if (!status.isDirectory()) continue;
      if (merges) await hidden(one);
      await walk(one, true);
    }
  };
  /** What an opaque directory of the upper no longer shows. */
  const hidden = async (path: string): Promise<void> => {
    const kept = new Set((await entriesOf(root + path)).map(({ name }) => name));
    for (const name of await lowers.names(path))
      if (!kept.has(name)) changes.push({ type: 'removed', path: `${path}/${name}` });
  };
  await walk('', false);
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

const trimmed = (path: string) => path.replace(/\/+$/, '');
