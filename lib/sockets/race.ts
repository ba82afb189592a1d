/** Milliseconds after which the next address is tried beside the one that has not answered (RFC 8305, section 5). */
const DELAY = 250;

/** Those of the first family and those of the other by turns (RFC 8305, section 4). */
export function byTurns<T extends { family: 4 | 6 }>(addresses: readonly T[]): T[] {
  if (addresses.length === 1) return [...addresses];
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  return addresses.flatMap((_, i) => [first[i], others[i]].filter((one) => one !== undefined));
}

/**
 * The first of several attempts that goes well. The next begins when one fails, or after a while; those that are not
 * needed any more are aborted. Where all fail, the first error, with the others as its cause.
 */
export async function race<T, R>(
  candidates: readonly T[],
  attempt: (candidate: T, signal: AbortSignal) => Promise<R>,
  discard: (made: R) => void,
  signal: AbortSignal,
): Promise<R> {
  signal.throwIfAborted();
  if (candidates.length === 1) return attempt(candidates[0] as T, signal);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await new Promise<R>((resolve, reject) => {
      const errors: unknown[] = [];
      let next = 0;
      let over = false;
      let timer: NodeJS.Timeout | undefined;
      const end = (then: () => void) => {
        over = true;
        clearTimeout(timer);
        then();
      };
      const start = () => {
        clearTimeout(timer);
        const candidate = candidates[next++] as T;
        if (next < candidates.length) timer = setTimeout(start, DELAY);
        attempt(candidate, controller.signal).then(
          (made) => (over ? discard(made) : end(() => resolve(made))),
          (error) => {
            if (over) return;
            if (controller.signal.aborted) return end(() => reject(controller.signal.reason));
            errors.push(error);
            if (errors.length === candidates.length) return end(() => reject(allFailed(errors)));
            if (next < candidates.length) start();
          },
        );
      };
      start();
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
    controller.abort();
  }
}

function allFailed(errors: readonly unknown[]): unknown {
  const [first, ...others] = errors;
  if (others.length > 0 && first instanceof Error)
    first.cause ??= new AggregateError(others, 'The other addresses failed, too');
  return first;
}
