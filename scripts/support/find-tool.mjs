import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

// An ordinary user's PATH often lacks the last two.
const directories = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/sbin', '/sbin'];

/** The path of a program of the system, or undefined. */
export function findTool(name) {
  for (const directory of directories) {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {
      // Not there: the next one.
    }
  }
  return undefined;
}
