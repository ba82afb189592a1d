// An operation of many steps, once for each step that fails or at which it is aborted.
import type { Netns, NsnetError } from 'nsnet';
import { expect } from 'vitest';
import { INJECTED, intervening } from './faults.js';
import { expectState, stateOf } from './state.js';

interface Operation<T> {
  work(signal?: AbortSignal): Promise<T>;
  /** Puts things back after it succeeded. */
  back(made: T): Promise<unknown>;
  /** Whose content must be as before. */
  namespaces?: Netns[];
}

const MOST_STEPS = 100;

/** Lets one step fail after the other until none is left. Gives the steps of the whole, and which did no harm. */
export async function failEachStep<T>({ work, back, namespaces = [] }: Operation<T>) {
  // Once without, so that what is made on first use is there.
  await back(await work());
  const harmless: string[] = [];
  for (let n = 1; n < MOST_STEPS; n++) {
    const before = await stateOf(...namespaces);
    let failed: string | undefined;
    const { outcome, steps } = await intervening((step, count) => {
      if (count !== n) return undefined;
      failed = step;
      return 'fail';
    }, work);
    const message = failed && `when step ${n}, ${failed}, failed`;
    if (outcome.status === 'fulfilled') {
      await back(outcome.value);
      if (failed === undefined) return { steps, harmless };
      harmless.push(failed);
    } else {
      expect(INJECTED, `${message}: ${outcome.reason}`).toContain((outcome.reason as NsnetError).code);
    }
    await expectState(before, message ?? 'afterwards', ...namespaces);
  }
  throw new Error(`more than ${MOST_STEPS} steps`);
}

/** Aborts it when one step after the other has been done. Gives the steps after which it was too late. */
export async function abortEachStep<T>({ work, back, namespaces = [] }: Operation<T>): Promise<string[]> {
  await back(await work());
  const late: string[] = [];
  for (let n = 1; n < MOST_STEPS; n++) {
    const before = await stateOf(...namespaces);
    const controller = new AbortController();
    let aborted: string | undefined;
    const { outcome, steps } = await intervening(
      (step, count) =>
        count === n
          ? () => {
              aborted = step;
              controller.abort();
            }
          : undefined,
      () => work(controller.signal),
    );
    const message = aborted && `aborted after step ${n}, ${aborted}`;
    if (outcome.status === 'fulfilled') {
      await back(outcome.value);
      if (aborted === undefined) return late;
      late.push(`${aborted} (${n} of ${steps.length})`);
    } else {
      expect(outcome.reason, message).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    }
    await expectState(before, message ?? 'afterwards', ...namespaces);
  }
  throw new Error(`more than ${MOST_STEPS} steps`);
}
