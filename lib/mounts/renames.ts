const TRIES = 128;
const EAGAIN = -11;

/**
 * Whether a path is to be looked up once more: of renames while it is looked up inside a root, the kernel says EAGAIN
 * (openat2(2)). An attacker who goes on renaming is given up on after some tries.
 */
export function renamedMeanwhile(result: number, tries: number): boolean {
  return result === EAGAIN && tries < TRIES;
}
