import type { BpfInstruction } from '../bpf/assembler.js';
import { littleEndian } from '../netlink/bytes.js';
import { type NsnetError, systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkInteger, checkObject, invalidType, outOfRange } from '../syscalls/validate.js';

export type { BpfInstruction };

/** BPF_MAXINSNS. */
const LONGEST = 4096;
const SIZE = 8;
const LIMITS = { code: 0xffff, jt: 0xff, jf: 0xff, k: 0xffffffff } as const;

/** Lets nothing through: `ret #0`. */
export const REJECT_ALL = Uint8Array.of(...(littleEndian ? [6, 0] : [0, 6]), 0, 0, 0, 0, 0, 0);

/** Lets everything through. */
export const NO_FILTER = new Uint8Array();

/** The bytes of a program, null for none. Throws unless it is well-formed; whether it makes sense the kernel says. */
export function packFilter(program: readonly BpfInstruction[] | null): Uint8Array {
  if (program === null) return NO_FILTER;
  if (!Array.isArray(program)) throw invalidType('filter', 'an array of instructions, or null', program);
  if (program.length < 1 || program.length > LONGEST) {
    throw outOfRange('the length of filter', `from 1 to ${LONGEST} instructions`, program.length);
  }
  const bytes = new Uint8Array(program.length * SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, instruction] of (program as readonly BpfInstruction[]).entries()) {
    const name = `filter[${i}]`;
    checkObject(name, instruction);
    for (const key of ['code', 'jt', 'jf', 'k'] as const) {
      checkInteger(`${name}.${key}`, instruction[key], 0, LIMITS[key]);
    }
    const { code, jt, jf, k } = instruction;
    view.setUint16(i * SIZE, code, littleEndian);
    view.setUint8(i * SIZE + 2, jt);
    view.setUint8(i * SIZE + 3, jf);
    view.setUint32(i * SIZE + 4, k, littleEndian);
  }
  return bytes;
}

/** What arrives from now on is let through as far as the program says (SO_ATTACH_FILTER). */
export function attachFilter(fd: Fd, program: Uint8Array, subject: string): void {
  const result = native().attachFilter(fd.native, program);
  if (result < 0) throw filterError(result, subject);
}

function filterError(errno: number, subject: string): NsnetError {
  const hint =
    errno === -22
      ? 'The kernel does not take this program: jumps must stay inside it, and every way through it must end in a return'
      : undefined;
  return systemError(errno, 'setsockopt', { subject, hint });
}
