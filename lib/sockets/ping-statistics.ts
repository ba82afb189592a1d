import type { Echo } from './echo.js';

/** What a run of pings comes to. */
export interface PingSummary {
  /** Echo requests. */
  sent: number;
  /** Of them, those that were answered in time. */
  received: number;
  /** Those that were not. What was under way when the run was ended early counts as neither. */
  lost: number;
  /** Round-trip times of the replies, in milliseconds; absent without replies. */
  rtt?: {
    min: number;
    avg: number;
    max: number;
    /** Standard deviation of the population, as ping(8) of iputils prints it. */
    mdev: number;
  };
}

/** Counts echoes as they are decided, however many. */
export class PingStatistics {
  #lost = 0;
  #received = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #mean = 0;
  /** Sum of the squared distances from the mean (Welford). */
  #squares = 0;

  count(echo: Echo): void {
    if (echo.type === 'reply') this.#reply(echo.rtt);
    else if (echo.type !== 'duplicate') this.#lost++;
  }

  #reply(rtt: number): void {
    this.#received++;
    this.#min = Math.min(this.#min, rtt);
    this.#max = Math.max(this.#max, rtt);
    const distance = rtt - this.#mean;
    this.#mean += distance / this.#received;
    this.#squares += distance * (rtt - this.#mean);
  }

  summary(sent: number): PingSummary {
    const received = this.#received;
    const summary: PingSummary = { sent, received, lost: this.#lost };
    if (received === 0) return summary;
    const mdev = Math.sqrt(this.#squares / received);
    return { ...summary, rtt: { min: this.#min, avg: this.#mean, max: this.#max, mdev } };
  }
}
