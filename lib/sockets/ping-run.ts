import type { Echo } from './echo.js';
import type { PingSummary } from './ping-statistics.js';
import type { Listener, Pinger } from './pinger.js';
import { Run } from './run.js';

/**
 * A run of pings, begun by the first await or loop. Looped over it gives each echo when it is decided; awaited it is
 * the summary; both may be done, in either order. A second loop throws.
 *
 * Leaving the loop ends the run, as does closing the namespace: the summary is then of what was sent until then. A
 * loop that is slow delays the sending: no more than 1,024 echoes wait for it. Without a loop so many of the last are
 * kept for one that is begun later.
 */
export class PingRun extends Run<Echo, PingSummary> {
  protected readonly values = 'The echoes of a ping';

  constructor(start: (listener: Listener) => Pinger) {
    super((outlet) =>
      start({
        // A loop has been told of what it has not read; of duplicates there is no end.
        decided: (echo) => outlet.put(echo, echo.type === 'duplicate'),
        get full() {
          return outlet.full;
        },
      }),
    );
  }
}
