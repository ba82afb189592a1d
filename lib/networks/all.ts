/** Waits for all of them, whatever fails: what is undone then is whole. */
export async function all<T extends readonly unknown[]>(
  work: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(work);
  const values = results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return values as never;
}

/** Takes all steps, the last one first, whatever the others throw; the first error is thrown afterwards. */
export async function undoAll(steps: (() => Promise<unknown>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps.splice(0).reverse()) await step().catch((error) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}
