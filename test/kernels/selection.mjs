// Which test files run in the guests: all, or those that carry the mark, or those that a filter names.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const mark = /^\/\/ @kernels\b/;

/** Test files below `test/` with the comment `// @kernels` in their first five lines. */
export function markedFiles(project) {
  return readdirSync(join(project, 'test'), { recursive: true })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join('test', path))
    .filter((path) => isMarked(readFileSync(join(project, path), 'utf8')))
    .sort();
}

export const isMarked = (source) => source.split('\n', 5).some((line) => mark.test(line));

/** Vitest's own file filters: the marked files that the given ones let through. */
export function selectMarked(project, filters) {
  const files = markedFiles(project);
  const chosen = files.filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
  );
  if (chosen.length === 0) throw new Error(`none of ${files.length} files marked "// @kernels" is selected`);
  return chosen;
}
