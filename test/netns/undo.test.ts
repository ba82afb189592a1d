import { Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { abortEachStep, failEachStep } from './support/each-step.js';
import { intervening } from './support/faults.js';
import { named } from './support/named.js';
import { expectState, stateOf } from './support/state.js';

const name = named('undo');
const close = (netns: Netns) => netns.close();

describe('a step that fails undoes the earlier ones', () => {
  test('of Netns.create() without a name', async () => {
    const { steps, harmless } = await failEachStep({ work: () => Netns.create(), back: close });
    expect(steps).toContain('unshare');
    expect(harmless).toEqual([]);
  });

  test('of Netns.create() with a name', async () => {
    const { steps, harmless } = await failEachStep({ work: () => Netns.create(name), back: close });
    expect(steps).toContain(privileged ? `node:fs open /run/netns/${name}` : 'label');
    expect(harmless).toEqual([]);
  });

  test('of attach()', async () => {
    await using netns = await Netns.create();
    const { steps } = await failEachStep({
      work: () => netns.attach(name),
      back: () => netns.delete(),
      namespaces: [netns],
    });
    expect(steps).toContain(privileged ? `node:fs open /run/netns/${name}` : 'label');
  });
});

describe('aborted after any step, nothing is left', () => {
  test('of Netns.create() without a name', async () => {
    expect(await abortEachStep({ work: (signal) => Netns.create({ signal }), back: close })).toEqual([]);
  });

  test('of Netns.create() with a name', async () => {
    expect(await abortEachStep({ work: (signal) => Netns.create({ name, signal }), back: close })).toEqual(
      [],
    );
  });

  test('of attach()', async () => {
    await using netns = await Netns.create();
    await abortEachStep({
      work: (signal) => netns.attach(name, { signal }),
      back: () => netns.delete(),
      namespaces: [netns],
    });
  });
});

describe.runIf(privileged)('what could not be undone is told', () => {
  test('a namespace that was aborted at its end, and whose name could not be taken away', async () => {
    const before = await stateOf();
    const controller = new AbortController();
    let mounts = 0;
    const step = (title: string) => {
      if (title.startsWith('umount')) return 'fail';
      return title.startsWith('mount') && ++mounts > 0 ? () => controller.abort() : undefined;
    };
    const { outcome } = await intervening(step, () => Netns.create({ name, signal: controller.signal }));
    expect(mounts).toBeGreaterThan(0);
    expect(outcome).toMatchObject({
      reason: { name: 'AbortError', notUndone: [{ code: 'EIO', syscall: 'umount2' }] },
    });
    expect((await Netns.list()).map((info) => info.name)).toContain(name);
    await using left = await Netns.open(name);
    await left.delete();
    await left.close();
    await expectState(before, 'afterwards');
  });

  test('a name that could neither be given nor be freed', async () => {
    const before = await stateOf();
    const path = `/run/netns/${name}`;
    let binding = false;
    const { outcome } = await intervening(
      (step) => {
        if (step === `node:fs open ${path}`) binding = true;
        if (binding && step.startsWith('mount')) return 'fail';
        return step === `node:fs unlink ${path}` ? 'fail' : undefined;
      },
      () => Netns.create(name),
    );
    const { unlinkSync } = await import('node:fs');
    unlinkSync(path);
    expect(outcome).toMatchObject({
      reason: { code: 'EIO', syscall: 'mount', notUndone: [{ code: 'EIO', syscall: 'unlink' }] },
    });
    await expectState(before, 'afterwards');
  });
});
