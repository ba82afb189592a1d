import { Scope } from 'nsnet';
import { describe, expect, test } from 'vitest';

/** Something that notes when it is disposed of. */
class Thing implements AsyncDisposable {
  readonly #log: string[];
  readonly #name: string;
  readonly #error: Error | undefined;

  constructor(log: string[], name: string, error?: Error) {
    this.#log = log;
    this.#name = name;
    this.#error = error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await undefined;
    this.#log.push(this.#name);
    if (this.#error) throw this.#error;
  }
}

const later = <T>(value: T, milliseconds = 10) =>
  new Promise<T>((resolve) => setTimeout(() => resolve(value), milliseconds));

describe('use()', () => {
  test('hands through what it is given, or what a promise gives', async () => {
    const log: string[] = [];
    await using scope = new Scope();
    const thing = new Thing(log, 'a');
    expect(await scope.use(thing)).toBe(thing);
    expect(await scope.use(later(thing, 1))).toBe(thing);
    expect(log).toEqual([]);
  });

  test('rejects with what a promise rejects with, and that is no concern of the scope', async () => {
    const scope = new Scope();
    await expect(scope.use(Promise.reject(new Error('not made')))).rejects.toThrow('not made');
    await scope[Symbol.asyncDispose]();
  });

  test('a promise that nobody awaits does not end the program', async () => {
    const scope = new Scope();
    const used = scope.use(Promise.reject(new Error('not made')));
    used.catch(() => {});
    await scope[Symbol.asyncDispose]();
  });

  test('after the end: what still comes is disposed of, and the caller is told', async () => {
    const log: string[] = [];
    const scope = new Scope();
    await scope[Symbol.asyncDispose]();
    await expect(scope.use(later(new Thing(log, 'late')))).rejects.toMatchObject({
      code: 'ERR_NSNET_CLOSED',
    });
    expect(log).toEqual(['late']);
  });
});

describe('at its end', () => {
  test('it disposes in the reverse order of use(), whatever came first', async () => {
    const log: string[] = [];
    const scope = new Scope();
    const slow = scope.use(later(new Thing(log, 'first'), 20));
    await scope.use(new Thing(log, 'second'));
    await scope.use(later(new Thing(log, 'third'), 1));
    await scope[Symbol.asyncDispose]();
    expect(log).toEqual(['third', 'second', 'first']);
    await slow;
  });

  test('it waits for what is being made', async () => {
    const log: string[] = [];
    const scope = new Scope();
    const made = scope.use(later(new Thing(log, 'slow'), 30));
    await scope[Symbol.asyncDispose]();
    expect(log).toEqual(['slow']);
    await made;
  });

  test('every member is disposed of, whatever the others throw', async () => {
    const log: string[] = [];
    const one = new Scope();
    await one.use(new Thing(log, 'a'));
    await one.use(new Thing(log, 'b', new Error('b does not want to')));
    await one.use(new Thing(log, 'c'));
    await expect(one[Symbol.asyncDispose]()).rejects.toThrow('b does not want to');
    expect(log).toEqual(['c', 'b', 'a']);
    const several = new Scope();
    await several.use(new Thing(log, 'd', new Error('d')));
    await several.use(new Thing(log, 'e', new Error('e')));
    await expect(several[Symbol.asyncDispose]()).rejects.toMatchObject({
      name: 'AggregateError',
      errors: [{ message: 'e' }, { message: 'd' }],
    });
  });

  test('again is no error', async () => {
    const log: string[] = [];
    const scope = new Scope();
    await scope.use(new Thing(log, 'a'));
    await scope[Symbol.asyncDispose]();
    await scope[Symbol.asyncDispose]();
    expect(log).toEqual(['a']);
  });

  test('two at once dispose of each once, and both wait', async () => {
    const log: string[] = [];
    const scope = new Scope();
    const made = scope.use(later(new Thing(log, 'a'), 20));
    await Promise.all([scope[Symbol.asyncDispose](), scope[Symbol.asyncDispose]()]);
    expect(log).toEqual(['a']);
    await made;
  });
});

describe('move()', () => {
  test('hands the members on: the block ends and they live', async () => {
    const log: string[] = [];
    const make = async () => {
      await using scope = new Scope();
      await scope.use(new Thing(log, 'a'));
      await scope.use(new Thing(log, 'b'));
      return scope.move();
    };
    const moved = await make();
    expect(log).toEqual([]);
    await moved[Symbol.asyncDispose]();
    expect(log).toEqual(['b', 'a']);
  });

  test('afterwards the old one takes nothing more', async () => {
    const log: string[] = [];
    const scope = new Scope();
    const moved = scope.move();
    await expect(scope.use(new Thing(log, 'late'))).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    expect(() => scope.move()).toThrow(expect.objectContaining({ code: 'ERR_NSNET_CLOSED' }));
    await moved[Symbol.asyncDispose]();
    expect(log).toEqual(['late']);
  });
});
