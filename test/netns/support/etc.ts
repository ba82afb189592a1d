// Files of a network namespace below /etc/netns, for as long as a test takes.
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';

const DIRECTORY = '/etc/netns';

export function writeEtc(name: string, files: Record<string, string>): string {
  const directory = `${DIRECTORY}/${name}`;
  mkdirSync(directory, { recursive: true });
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
    try {
      rmdirSync(DIRECTORY);
    } catch {
      // There are others'.
    }
  });
  for (const [file, text] of Object.entries(files)) writeFileSync(`${directory}/${file}`, text);
  return directory;
}
