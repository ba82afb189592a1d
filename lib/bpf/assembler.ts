import { BPF } from './constants.js';

/** How far a conditional jump reaches. */
const REACH = 255;
/** Of an instruction, in bytes. */
export const SIZE = 8;

/** BPF_MAXINSNS, linux/bpf_common.h. */
export const MAX_INSTRUCTIONS = 4096;

const JUMP = { EQ: 0x15, GT: 0x25, GE: 0x35, SET: 0x45 } as const; // BPF_JMP | … | BPF_K

/** An instruction of the program. */
export type Target = number;

/** An instruction as bpf(4) has it: of a jump, how many instructions to skip where it is true, and where it is not. */
export interface BpfInstruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/**
 * A program of classic BPF, put together from its end, as all its jumps lead forward: what an instruction goes on with
 * is there before it. What is there already is not put there again.
 */
export class Assembler {
  /** Last first. */
  readonly #code: BpfInstruction[] = [];
  readonly #known = new Map<string, Target>();
  /** The last way to an instruction that is too far. */
  readonly #ways = new Map<Target, Target>();

  return(value: number): Target {
    return this.step(BPF.RETURN, value, undefined);
  }

  /** The 32 bits at an offset. */
  load(offset: number, next: Target): Target {
    return this.step(BPF.LOAD | BPF.WORD | BPF.ABSOLUTE, offset, next);
  }

  and(mask: number, next: Target): Target {
    return this.step(BPF.ALU | BPF.AND, mask, next);
  }

  /** Any instruction that goes on with the next, or ends the program. */
  step(code: number, value: number, next: Target | undefined): Target {
    return this.#once(`${code} ${value} ${next}`, () => {
      if (next !== undefined) this.#within(0, next);
      return this.#put({ code, jt: 0, jf: 0, k: value });
    });
  }

  /** With `x`, what is compared with is in the register X. */
  jump(test: keyof typeof JUMP, value: number, yes: Target, no: Target, x = false): Target {
    if (yes === no) return yes;
    const code = JUMP[test] | (x ? BPF.X : 0);
    return this.#once(`${code} ${value} ${yes} ${no}`, () => {
      // The way to the second may come between.
      const first = this.#within(REACH - 1, yes);
      const second = this.#within(REACH, no);
      return this.#put({ code, jt: this.#distance(first), jf: this.#distance(second), k: value });
    });
  }

  /** A whole program of somebody else's. */
  append(instructions: readonly BpfInstruction[]): Target {
    for (const instruction of instructions.toReversed()) this.#put({ ...instruction });
    return this.#code.length - 1;
  }

  /** The program that begins there. */
  finish(start: Target): Uint8Array {
    this.#within(0, start);
    const bytes = Buffer.alloc(this.#code.length * SIZE);
    for (const [i, { code, jt, jf, k }] of this.#code.reverse().entries()) {
      bytes.writeUInt16LE(code, i * SIZE);
      bytes.writeUInt8(jt, i * SIZE + 2);
      bytes.writeUInt8(jf, i * SIZE + 3);
      bytes.writeUInt32LE(k, i * SIZE + 4);
    }
    return bytes;
  }

  #put(instruction: BpfInstruction): Target {
    return this.#code.push(instruction) - 1;
  }

  /** How many instructions lie between it and the next that is put here. */
  #distance(target: Target): number {
    return this.#code.length - 1 - target;
  }

  /** The same, or what leads to the same, at most so far away. */
  #within(reach: number, target: Target): Target {
    const way = this.#ways.get(target) ?? target;
    if (this.#distance(way) <= reach) return way;
    const { code, k } = this.#code[target] as BpfInstruction;
    const instruction = code === BPF.RETURN ? { code, k } : { code: BPF.JUMP, k: this.#distance(target) };
    const closer = this.#put({ ...instruction, jt: 0, jf: 0 });
    this.#ways.set(target, closer);
    return closer;
  }

  #once(what: string, put: () => Target): Target {
    const known = this.#known.get(what);
    if (known !== undefined) return known;
    const target = put();
    this.#known.set(what, target);
    return target;
  }
}
