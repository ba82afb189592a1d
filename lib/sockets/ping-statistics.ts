/** What a run of pings comes to. */
export interface PingSummary {
  /** Echo requests that went out. */
  sent: number;
  /** Of them, those that were answered in time. */
  received: number;
  /** The rest: no answer, in time or at all. */
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

/** Counts echoes as they are sent and answered, however many. */
export class PingStatistics {
  sent = 0;
  #received = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #mean = 0;
  /** Sum of the squared distances from the mean (Welford). */
  #squares = 0;

  /** `rtt` in milliseconds. */
  reply(rtt: number): void {
    this.#received++;
    this.#min = Math.min(this.#min, rtt);
    this.#max = Math.max(this.#max, rtt);
    const distance = rtt - this.#mean;
    this.#mean += distance / this.#received;
    this.#squares += distance * (rtt - this.#mean);
  }

  summary(): PingSummary {
    const { sent } = this;
    const received = this.#received;
    const summary: PingSummary = { sent, received, lost: sent - received };
    if (received === 0) return summary;
    const mdev = Math.sqrt(this.#squares / received);
    return { ...summary, rtt: { min: this.#min, avg: this.#mean, max: this.#max, mdev } };
  }
}
