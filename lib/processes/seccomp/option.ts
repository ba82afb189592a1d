import { MAX_INSTRUCTIONS, SIZE } from '../../bpf/assembler.js';
import { invalidType, invalidValue } from '../../syscalls/validate.js';
import { type Circumstances, compile } from './compile.js';
import { readProfile } from './read.js';
import type { SeccompProfile } from './types.js';

/** What seccomp(2) takes. */
export interface Filter {
  program: Uint8Array;
  flags: number;
}

/** Throws unless it is a profile, or can be a program. */
export function checkSeccomp(path: string, given: unknown): void {
  if (given instanceof Uint8Array) {
    const count = given.length / SIZE;
    if (!Number.isInteger(count) || count < 1 || count > MAX_INSTRUCTIONS)
      throw invalidValue(path, `1 to ${MAX_INSTRUCTIONS} instructions of ${SIZE} bytes`, given);
  } else if (given !== null && typeof given === 'object' && !Array.isArray(given)) readProfile(path, given);
  else throw invalidType(path, 'a profile or a program as Uint8Array', given);
}

/** The filter of a profile that was checked, or of a program. */
export function filterOf(
  path: string,
  given: SeccompProfile | Uint8Array,
  circumstances: Circumstances,
): Filter {
  if (given instanceof Uint8Array) return { program: given, flags: 0 };
  const profile = readProfile(path, given);
  return { program: compile(path, profile, circumstances), flags: profile.flags };
}
