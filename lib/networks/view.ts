import type { Internals } from '../namespaces/network.js';
import type { HostState } from './state.js';
import { readState } from './state.js';

/** How long a reading is good for questions about names, in milliseconds. */
const FRESH = 20;

/** Counts what this program has changed; what others do is known a moment later. */
let changes = 0;

/** A name or an address has come or gone: what was read before is no answer any more. */
export function namesChanged(): void {
  changes++;
}

/** Networks of a namespace, read again when they are asked for a moment later: many questions at a time cost one reading. */
export class NetworksView {
  readonly #inner: Internals;
  #state: Promise<HostState> | undefined;
  /** As it was when reading began. */
  #changes = 0;

  private constructor(inner: Internals) {
    this.#inner = inner;
  }

  static of(inner: Internals): NetworksView {
    let view = inner.memory.get(NetworksView) as NetworksView | undefined;
    if (!view) {
      view = new NetworksView(inner);
      inner.memory.set(NetworksView, view);
    }
    return view;
  }

  read(): Promise<HostState> {
    if (!this.#state || this.#changes !== changes) {
      this.#changes = changes;
      const state = readState(this.#inner);
      this.#state = state;
      const forget = () => {
        if (this.#state === state) this.#state = undefined;
      };
      state.then(() => setTimeout(forget, FRESH).unref(), forget);
    }
    return this.#state;
  }
}
