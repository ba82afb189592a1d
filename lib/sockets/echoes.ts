/** An echo request that went out. */
export interface Sent {
  sequence: number;
  /** CLOCK_REALTIME in nanoseconds, as packets are stamped. */
  at: bigint;
  /** When it counts as lost, by performance.now(). */
  deadline: number;
}

/** Answered requests that are remembered, so that a second answer is known as such. */
const REMEMBERED = 1024;

/** The requests of one run by the sequence number on the wire, which has 16 bits. */
export class Echoes {
  readonly #open = new Map<number, Sent>();
  readonly #answered = new Map<number, Sent>();

  /** Requests that are not decided. */
  get size(): number {
    return this.#open.size;
  }

  /** Gives back the request whose number is needed again, if it was still open. */
  add(sent: Sent): Sent | undefined {
    const wire = sent.sequence & 0xffff;
    const before = this.#open.get(wire);
    this.#open.delete(wire);
    this.#answered.delete(wire);
    this.#open.set(wire, sent);
    return before;
  }

  /** Takes out an open request, by its number or by that on the wire. */
  take(sequence: number): Sent | undefined {
    const wire = sequence & 0xffff;
    const sent = this.#open.get(wire);
    this.#open.delete(wire);
    return sent;
  }

  remember(sent: Sent): void {
    this.#answered.set(sent.sequence & 0xffff, sent);
    if (this.#answered.size <= REMEMBERED) return;
    const [oldest] = this.#answered.keys();
    if (oldest !== undefined) this.#answered.delete(oldest);
  }

  answered(wire: number): Sent | undefined {
    return this.#answered.get(wire);
  }

  /** The open request that was sent first, which is the first to be lost. */
  get oldest(): Sent | undefined {
    return this.#open.values().next().value;
  }
}
