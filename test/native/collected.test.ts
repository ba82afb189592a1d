import { expect, test } from 'vitest';
import { MODES, patience, runFixture } from '../fixtures/native/child.js';

interface Said {
  forgotten: number[];
  value: string;
  warnings: { code: string; name: string; message: string }[];
  left: string[];
}

test.each(MODES.slice(0, 2))(
  'what is forgotten without close() is closed, and warned of once: $mode',
  async ({ env }) => {
    const said = await runFixture<Said>('collected.mjs', { env, node: ['--expose-gc'] });
    const { forgotten, value, warnings, left } = said;
    expect(value).toMatch(/^[01]$/);
    expect(left).toEqual([]);
    expect(warnings).toHaveLength(forgotten.length);
    for (const { code, name } of warnings)
      expect({ code, name }).toEqual({ code: 'NSNET_UNCLOSED', name: 'NsnetWarning' });
    const named = warnings.map(({ message }) => Number(/(\d+) was garbage collected/.exec(message)?.[1]));
    expect(named.sort()).toEqual(forgotten.sort());
  },
  patience(30_000),
);

test('an iterator that is forgotten is closed, too', async () => {
  const said = await runFixture<Said>('collected.mjs', { args: ['iterator'], node: ['--expose-gc'] });
  expect(said.warnings).toHaveLength(1);
  expect(said.left).toEqual([]);
});
