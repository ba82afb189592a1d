import type { Link } from './link.js';

const links = new WeakSet<object>();

/** Told of every Link, so that what takes a LinkRef need not import the class that uses it. */
export function brandLink(link: Link): void {
  links.add(link);
}

export function isLink(value: unknown): value is Link {
  return typeof value === 'object' && value !== null && links.has(value);
}
