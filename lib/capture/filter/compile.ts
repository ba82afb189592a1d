import { Assembler, type BpfInstruction, MAX_INSTRUCTIONS, SIZE, type Target } from '../../bpf/assembler.js';
import { ANCILLARY } from '../../bpf/constants.js';
import { invalidValue } from '../../syscalls/validate.js';
import type { Block } from './frame.js';
import { Frame, type FrameKind } from './frame.js';

/** What a capture lets through. */
export interface Wanted {
  /** The filter that was read, or a program of the user's own. */
  filter?: Block | readonly BpfInstruction[];
  /** Indexes of the links; all without. */
  links?: readonly number[];
  /** Bytes of each packet. */
  snaplen: number;
}

/** Types of links (linux/if_arp.h) whose frames begin with Ethernet's header. */
export const ARPHRD = { ETHER: 1, LOOPBACK: 772 } as const;

const OUTGOING = 4;

/** The program of a filter for frames of one kind, as a file has them: there no tag is beside the bytes. */
export function compileFor(kind: FrameKind, filter: Block, snaplen: number): Uint8Array {
  const program = new Assembler();
  const [yes, no] = [program.return(snaplen), program.return(0)];
  return checked(program.finish(filter(new Frame(program, kind), yes, no)));
}

/**
 * The program of a socket that hears all links: it chooses the links, drops what goes out on lo, as that comes in
 * again, and asks the filter by the kind of link and whether the kernel has taken out a tag.
 */
export function compile({ filter, links, snaplen }: Wanted): Uint8Array {
  const program = new Assembler();
  const own = isProgram(filter) ? program.append(filter) : undefined;
  const [yes, no] = [program.return(snaplen), program.return(0)];
  const start = own ?? (filter ? byKind(program, filter as Block, yes, no) : yes);
  return checked(program.finish(chosen(program, links, once(program, start, no), no)));
}

const isProgram = (filter: Wanted['filter']): filter is readonly BpfInstruction[] => Array.isArray(filter);

function byKind(program: Assembler, filter: Block, yes: Target, no: Target): Target {
  const of = (kind: FrameKind) => filter(new Frame(program, kind), yes, no);
  const raw = of('raw');
  const tagged = of('tagged');
  const present = program.load(ANCILLARY.vlanPresent, program.jump('EQ', 0, of('ethernet'), tagged));
  const loopback = program.jump('EQ', ARPHRD.LOOPBACK, present, raw);
  return program.load(ANCILLARY.hardware, program.jump('EQ', ARPHRD.ETHER, present, loopback));
}

function once(program: Assembler, next: Target, no: Target): Target {
  const isLoopback = program.load(ANCILLARY.hardware, program.jump('EQ', ARPHRD.LOOPBACK, no, next));
  return program.load(ANCILLARY.packetType, program.jump('EQ', OUTGOING, isLoopback, next));
}

function chosen(program: Assembler, links: readonly number[] | undefined, next: Target, no: Target): Target {
  if (links === undefined) return next;
  const tests = links.reduceRight((other, link) => program.jump('EQ', link, next, other), no);
  return program.load(ANCILLARY.link, tests);
}

function checked(program: Uint8Array): Uint8Array {
  if (program.length > MAX_INSTRUCTIONS * SIZE)
    throw invalidValue(
      'filter',
      `a filter of at most ${MAX_INSTRUCTIONS} instructions`,
      program.length / SIZE,
    );
  return program;
}
