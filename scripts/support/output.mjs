// Progress goes to standard error: standard output is for what was asked for.
import util from 'node:util';

export const coloured = process.stderr.isTTY && !process.env.NO_COLOR;

export const colour = (style, text) => (coloured ? (util.styleText?.(style, text) ?? text) : text);

export const say = (line) => process.stderr.write(`${line}\n`);

/** Everything that steps print is shown: `npm run … --verbose`, or --verbose among a script's own arguments. */
export const verbose =
  process.argv.includes('--verbose') || /verbose|silly/.test(process.env.npm_config_loglevel ?? '');

export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** The beginning and the end of a long output: the cause is in one of them. */
export function excerpt(text, first = 30, last = 50) {
  const lines = text.trimEnd().split('\n');
  if (lines.length <= first + last) return lines.join('\n');
  const left = `… ${lines.length - first - last} more lines; --verbose shows all …`;
  return [...lines.slice(0, first), left, ...lines.slice(-last)].join('\n');
}
