import { closedError } from '../syscalls/errors.js';

/**
 * What AsyncDisposableStack is, for every Node, and it takes promises: what a half-failed Promise.all had made is
 * undone as well. Disposes in the reverse order of use() and waits for what is still being made. `await using scope = new
 * Scope()`, or `await scope[Symbol.asyncDispose]()` in a `finally`.
 */
export class Scope implements AsyncDisposable {
  #made: Promise<AsyncDisposable | undefined>[] = [];
  #disposed = false;

  /** Hands `made` through and closes it with the scope. */
  use<T extends AsyncDisposable>(made: T | Promise<T>): Promise<T> {
    const promise = Promise.resolve(made);
    const settled = promise.catch(() => undefined);
    if (this.#disposed) {
      return settled.then(async (late) => {
        await late?.[Symbol.asyncDispose]();
        throw closedError('scope');
      });
    }
    this.#made.push(settled);
    return promise;
  }

  /** Moves what was made into a new scope: this one then disposes of nothing. */
  move(): Scope {
    if (this.#disposed) throw closedError('scope');
    const scope = new Scope();
    scope.#made = this.#made;
    this.#made = [];
    this.#disposed = true;
    return scope;
  }

  /** Every member is disposed of whatever the others throw; what they threw is thrown afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const errors: unknown[] = [];
    for (const settled of this.#made.splice(0).reverse()) {
      try {
        await (await settled)?.[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'Several members of a scope could not be closed');
  }
}
