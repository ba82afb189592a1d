import { FilterError } from './error.js';
import { type Token, tokens } from './lexer.js';

/** How deep parentheses and the like may be. */
const DEPTH = 100;

/** Where the reading of a filter has come to. */
export class Cursor {
  readonly filter: string;
  /** VLAN tags asked for so far: what comes behind is about what is behind them. */
  tags = 0;
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;

  constructor(filter: string) {
    this.filter = filter;
    this.#tokens = tokens(filter);
  }

  get token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  /** The one behind it. */
  get following(): Token {
    return this.#tokens[this.#at + 1] ?? this.token;
  }

  is(...texts: string[]): boolean {
    const { kind, text } = this.token;
    return (kind === 'word' || kind === 'sign') && texts.includes(text);
  }

  take(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  /** Takes it if it is one of these. */
  accept(...texts: string[]): string | undefined {
    return this.is(...texts) ? this.take().text : undefined;
  }

  expect(text: string): void {
    if (this.accept(text) === undefined) throw this.error(`expected '${text}'`);
  }

  number(what: string, most: number): number {
    const { token } = this;
    if (token.kind !== 'number' || token.value > most) throw this.error(`expected ${what} up to ${most}`);
    this.take();
    return token.value;
  }

  /** About what stands here, or there. */
  error(text: string, { at }: Token = this.token): FilterError {
    return new FilterError(text, this.filter, at);
  }

  /** What is read within something else. */
  deeper<T>(read: () => T): T {
    if (++this.#depth > DEPTH) throw this.error(`more than ${DEPTH} levels are too many`);
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }

  /** What is read, or undefined where it cannot be, and nothing is read then; `failed` hears why. */
  attempt<T>(read: () => T, failed: (error: FilterError) => void): T | undefined {
    const before = [this.#at, this.tags] as const;
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      failed(error);
      [this.#at, this.tags] = before;
      return undefined;
    }
  }
}
