const prefix = `nst-${process.pid}`;

/** A name under /run/netns, or a label, that no other program has. */
export function named(what: string): string {
  return `${prefix}-${what}`;
}

/** Whether a name is one of these: others may come and go meanwhile. */
export function isNamed(name: string | undefined): boolean {
  return name?.startsWith(prefix) ?? false;
}
