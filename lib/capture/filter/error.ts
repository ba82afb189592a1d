/** What is wrong with a filter, and where. */
export class FilterError extends TypeError {
  readonly code = 'ERR_INVALID_ARG_VALUE';
  /** The filter. */
  readonly filter: string;
  /** The character at which it goes wrong, from 0. */
  readonly position: number;

  constructor(text: string, filter: string, position: number) {
    const there = filter.slice(position, position + 30);
    const place = there === '' ? 'at its end' : `at character ${position + 1}, '${there}'`;
    super(`filter: ${text}, ${place}`);
    this.filter = filter;
    this.position = position;
  }
}
