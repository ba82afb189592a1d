import type { Internals } from '../namespaces/network.js';
import { closedError, unsupportedError } from '../syscalls/errors.js';

/** As the global fetch. */
export type NetnsFetch = (
  input: string | URL | Request,
  /** `dispatcher`: an agent() of the same namespace (nsnet/undici). */
  init?: Omit<RequestInit, 'dispatcher'> & { dispatcher?: object },
) => Promise<Response>;

/** fetch() through a namespace; undici, which it needs, is loaded by the first call. */
export function lazyFetch(inner: Internals, isClosed: () => boolean): NetnsFetch {
  let loaded: Promise<NetnsFetch> | undefined;
  return async (input, init) => {
    if (isClosed()) throw closedError(inner.subject);
    loaded ??= load(inner);
    const fetch = await loaded.catch((error) => {
      loaded = undefined;
      throw error;
    });
    return fetch(input, init);
  };
}

async function load(inner: Internals): Promise<NetnsFetch> {
  try {
    const { fetchOf } = await import('./undici.js');
    return fetchOf(inner);
  } catch (cause) {
    if (!String((cause as { code?: string }).code).includes('MODULE_NOT_FOUND')) throw cause;
    throw unsupportedError('netns.fetch needs undici', { hint: 'npm install undici@7', cause });
  }
}
