import { openDirectory } from '../../handles/lock.js';
import { type Base, bases, FOLDER } from './base.js';
import { removeGroup } from './files.js';
import { Group, type Part } from './group.js';
import { removeTree } from './remove.js';

export const pathIn = (base: Base, name: string): string => `${base.path}/${FOLDER}/${name}`;

/** The group of that name, as far as it is there; undefined if it is nowhere. Its descriptors are the caller's. */
export async function openParts(name: string): Promise<Group | undefined> {
  const parts: Part[] = [];
  try {
    for (const base of await bases()) {
      const path = pathIn(base, name);
      const directory = await openDirectory(path);
      if (directory) parts.push({ base, path, directory });
    }
  } catch (error) {
    await Promise.all(parts.map(({ directory }) => directory.close()));
    throw error;
  }
  return parts.length > 0 ? new Group(name, parts, []) : undefined;
}

/** The first directory goes last: as long as it is there, so may be the others. */
export async function removeParts({ parts, subject }: Pick<Group, 'parts' | 'subject'>): Promise<void> {
  for (const { path } of [...parts].reverse()) await removeTree(path, subject);
  await removeFolders();
}

/** The folder of all groups goes with the last of them. Where it does not go, there are others. */
export async function removeFolders(): Promise<void> {
  for (const { path } of await bases()) await removeGroup(`${path}/${FOLDER}`);
}
