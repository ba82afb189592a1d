// @kernels
// Excursions share Node's memory, so whoever could trace one could read and write that. Here somebody tries, from
// inside the namespaces that are entered.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EVERY_KIND, play, playUnprotected, type Scene } from '../fixtures/native/attack.js';
import { patience } from '../fixtures/native/child.js';
import { compile } from '../fixtures/native/compile.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';

let attacker: Awaited<ReturnType<typeof compile>>;
let victim: Awaited<ReturnType<typeof compile>>;

beforeAll(async () => {
  attacker = await compile('attacker.c');
  victim = await compile('victim.c');
});

afterAll(() => {
  attacker?.remove();
  victim?.remove();
});

const many = scaled(10_000, 100);
const fewer = scaled(2_000, 50);
const stub = { NSNET_EXCURSION: 'stub' };

async function withstand(scene: Omit<Scene, 'attacker'>): Promise<void> {
  const { attack, made, intact } = await play({ ...scene, attacker: attacker.file });
  expect(attack.hits).toEqual({});
  expect(intact).toBe(true);
  expect(made).toBeGreaterThanOrEqual(scene.excursions);
  expect(Object.keys(attack.control).sort()).toEqual(EVERY_KIND);
  // It did meet the excursions.
  expect(attack.refused).toBeGreaterThan(made / 20);
}

describe.runIf(privileged)('as root, in the namespaces of a container whose root it is', () => {
  const where = 'the attacker’s';
  test.each([
    { title: 'a network', makes: ['-U', '-n'], excursions: many, env: {} },
    { title: 'a pid namespace too', makes: ['-U', '-n', '-p'], excursions: fewer, env: {} },
    { title: 'entered by the stub', makes: ['-U', '-n'], excursions: fewer, env: stub },
  ])('$title', (scene) => withstand({ ...scene, where }), patience(120_000));
});

describe.runIf(!privileged)('rootless, in a user namespace nested inside the one this process made', () => {
  const where = 'its own';
  test.each([
    { title: 'joined to its network', makes: ['-U'], excursions: many, env: {} },
    { title: 'with a pid namespace too', makes: ['-U', '-p'], excursions: fewer, env: {} },
    { title: 'entered by the stub', makes: ['-U'], excursions: fewer, env: stub },
  ])('$title', (scene) => withstand({ ...scene, where }), patience(120_000));
});

// What nsnet spawns is nested inside; but a program may put others there.
test.runIf(!privileged)(
  'rootless, in the very user namespace that this process made, with all capabilities there',
  () => withstand({ where: 'its own', makes: [], excursions: many }),
  patience(120_000),
);

describe.runIf(!privileged)('rootless, in a user namespace made by somebody else', () => {
  const where = 'the attacker’s';
  test.each([
    { title: 'which it owns', makes: ['-U', '-n'], excursions: many, env: {} },
    { title: 'with a pid namespace too', makes: ['-U', '-n', '-p'], excursions: fewer, env: {} },
    {
      title: 'entered by the stub from an unnamed file',
      makes: ['-U', '-n'],
      excursions: fewer,
      env: { NSNET_STUB: 'tmpfile' },
    },
  ])('$title', (scene) => withstand({ ...scene, where }), patience(120_000));
});

// Who is started there may be traced, as everybody there; what started it may not.
describe('programs started in the attacker’s namespaces', () => {
  test.each([
    { title: 'a network', makes: ['-U', '-n'] },
    { title: 'a pid namespace too', makes: ['-U', '-n', '-p'] },
  ])(
    '$title',
    async ({ makes }) => {
      const where = 'the attacker’s';
      const scene = {
        attacker: attacker.file,
        makes,
        where,
        excursions: fewer,
        prey: 'prey-spawn.mjs',
      } as const;
      const { attack, made, intact } = await play(scene);
      expect(Object.keys(attack.hits)).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^(memRead|memWrite|vmRead|vmWrite|escape)$/)]),
      );
      expect(intact).toBe(true);
      expect(made).toBeGreaterThanOrEqual(fewer);
      expect(attack.attempts).toBeGreaterThan(made / 20);
    },
    patience(120_000),
  );
});

test(
  'a program that enters them with its memory shared is read and written',
  async () => {
    const scene = { attacker: attacker.file, makes: ['-U', '-n'] };
    const { attack, intact } = await playUnprotected(scene, victim.file, scaled(3_000, 300));
    expect(Object.keys(attack.hits)).toEqual(expect.arrayContaining(['memOpen', 'memRead', 'memWrite']));
    expect(attack.hits.memRead!.pid).toBeGreaterThan(0);
    expect(intact).toBe(false);
  },
  patience(60_000),
);
