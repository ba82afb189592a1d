import { typeOf } from './filter.js';
import { type MountInfo, optionWords } from './info.js';

/** A line of mount(8): `tmpfs on /run type tmpfs (rw,nosuid,nodev,mode=755)`. */
export function describeMount(mount: MountInfo): string {
  const { source, target } = mount;
  const options = merged(optionWords(mount.options), mount.superOptions);
  return `${shown(source)} on ${shown(target)} type ${shown(typeOf(mount))} (${options.map(shown).join(',')})`;
}

/** Those of the mount, then those of the file system; 'ro' if either is read-only. */
function merged(own: readonly string[], system: readonly string[]): string[] {
  if (own.join() === system.join()) return [...own];
  const readonly = own.includes('ro') || system.includes('ro');
  const rest = [...own, ...system].filter((word) => word !== 'ro' && word !== 'rw');
  return [readonly ? 'ro' : 'rw', ...rest];
}

/** A line stays one, and what is shown of it cannot command the terminal. */
function shown(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return text.replace(/[\x00-\x1f\x7f]/g, '?');
}
