import type { Diagnosis } from '../doctor.js';
import type { Check } from './check.js';

export type Style = 'green' | 'red' | 'yellow' | 'dim';
/** Text in a colour, or as it is. */
export type Paint = (style: Style, text: string) => string;

function mark({ ok, required }: Check): { sign: string; style: Style } {
  if (ok) return { sign: '✔', style: 'green' };
  return required ? { sign: '✘', style: 'red' } : { sign: '!', style: 'yellow' };
}

function summary({ ok, checks }: Diagnosis): string {
  const failed = checks.filter((check) => !check.ok);
  const advice = failed.filter(({ required }) => !required).length;
  const also = advice
    ? `; ${advice === 1 ? 'one thing' : `${advice} things`} beyond that could be better`
    : '';
  return ok
    ? `Namespaces, links and ping work here${also}.`
    : 'Not everything that namespaces, links and ping need works here.';
}

/** A line for each check; a cure below what it cures, indented. */
export function render(diagnosis: Diagnosis, paint: Paint): string {
  const width = Math.max(...diagnosis.checks.map(({ name }) => name.length));
  const lines = diagnosis.checks.flatMap((check) => {
    const { sign, style } = mark(check);
    const [found = '', ...more] = check.found.split('\n');
    const indent = ' '.repeat(width + 4);
    return [
      `${paint(style, sign)} ${check.name.padEnd(width)}  ${found}`,
      ...more.map((line) => `${indent}${line}`),
      ...(check.cure ?? '')
        .split('\n')
        .flatMap((line, i) =>
          check.cure === undefined ? [] : [`${indent}${i === 0 ? '→ ' : '  '}${line}`.trimEnd()],
        ),
    ];
  });
  return `${lines.join('\n')}\n\n${summary(diagnosis)}\n`;
}

export const plain: Paint = (_, text) => text;
