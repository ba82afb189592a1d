import type { Assembler, Target } from '../../bpf/assembler.js';
import { ANCILLARY, BPF } from '../../bpf/constants.js';
import { ETHERTYPE, VLAN_TYPES } from './names.js';

/** 'tagged' is Ethernet with its outer VLAN tag beside the bytes, where the kernel keeps it. */
export type FrameKind = 'ethernet' | 'tagged' | 'raw';

/** A part of a program: what is decided on one kind of frame, and where the program goes on. */
export type Block = (frame: Frame, yes: Target, no: Target) => Target;

const SIZES = { 1: BPF.BYTE, 2: BPF.HALF, 4: BPF.WORD } as const;
export type Size = keyof typeof SIZES;

/** Bytes of the two addresses of Ethernet: behind them are the tags. */
const ADDRESSES = 12;
const TAG = 4;

/** Where bytes are put together. */
const SCRATCH = 15;

/**
 * Code that reads one kind of frame. Offsets are those of the frame as it was on the wire, whatever the kernel has
 * taken out of it. What is loaded is in the accumulator when the program goes on.
 */
export class Frame {
  readonly kind: FrameKind;
  readonly #program: Assembler;

  constructor(program: Assembler, kind: FrameKind) {
    this.#program = program;
    this.kind = kind;
  }

  /** Where the header behind so many VLAN tags begins. */
  network(tags: number): number {
    return this.kind === 'raw' ? 0 : ADDRESSES + 2 + TAG * tags;
  }

  /** Whether the EtherType behind so many tags is this. */
  isType(type: number, tags: number, yes: Target, no: Target): Target {
    if (this.kind === 'raw') {
      const version = tags > 0 ? undefined : { [ETHERTYPE.ip]: 0x40, [ETHERTYPE.ip6]: 0x60 }[type];
      if (version === undefined) return no;
      return this.load(1, 0, this.#program.and(0xf0, this.equals(version, yes, no)));
    }
    const isTag = (VLAN_TYPES as readonly number[]).includes(type);
    if (this.kind === 'tagged' && tags === 0 && !isTag) return no;
    return this.load(2, ADDRESSES + TAG * tags, this.equals(type, yes, no));
  }

  load(size: Size, offset: number, next: Target): Target {
    if (this.kind !== 'tagged' || offset + size <= ADDRESSES) return this.#absolute(size, offset, next);
    if (offset >= ADDRESSES + TAG) return this.#absolute(size, offset - TAG, next);
    const inTag = offset - ADDRESSES;
    if (size === 2 && inTag === 0) return this.#program.load(ANCILLARY.vlanProtocol, next);
    if (size === 2 && inTag === 2) return this.#program.load(ANCILLARY.vlanTag, next);
    if (size === 1) return this.#tagByte(inTag, next);
    return this.#pieces(size, offset, next);
  }

  #absolute(size: Size, offset: number, next: Target): Target {
    return this.step(BPF.LOAD | SIZES[size] | BPF.ABSOLUTE, offset, next);
  }

  #tagByte(index: number, next: Target): Target {
    const half = index < 2 ? ANCILLARY.vlanProtocol : ANCILLARY.vlanTag;
    const isHigh = index % 2 === 0;
    const one = isHigh ? this.step(BPF.ALU | BPF.SHIFT_RIGHT, 8, next) : this.#program.and(0xff, next);
    return this.#program.load(half, one);
  }

  /** Byte by byte, as some of it is in the tag and some is not. */
  #pieces(size: Size, offset: number, next: Target): Target {
    const join = (index: number): Target => {
      if (index === size) return this.step(BPF.LOAD | BPF.MEMORY, SCRATCH, next);
      const store = this.step(BPF.STORE, SCRATCH, join(index + 1));
      const or =
        index === 0
          ? store
          : this.step(BPF.LOAD_X | BPF.MEMORY, SCRATCH, this.step(BPF.ALU | BPF.OR | BPF.X, 0, store));
      const shift = this.step(BPF.ALU | BPF.SHIFT_LEFT, 8 * (size - 1 - index), or);
      return this.load(1, offset + index, shift);
    };
    return join(0);
  }

  /** X becomes the length of the IPv4 header that begins there. */
  headerLength(offset: number, next: Target): Target {
    return this.step(BPF.LOAD_X | BPF.BYTE | BPF.HEADER, this.#behindTag(offset), next);
  }

  /** The same as load(), X bytes further on; not of the addresses or the tags. */
  loadBehind(size: Size, offset: number, next: Target): Target {
    return this.step(BPF.LOAD | SIZES[size] | BPF.INDIRECT, this.#behindTag(offset), next);
  }

  #behindTag(offset: number): number {
    return this.kind === 'tagged' ? Math.max(0, offset - TAG) : offset;
  }

  /** The same as load(), of where the accumulator says, of the whole frame; `no` for the tag that is not among its bytes. */
  loadAt(size: Size, next: Target, no: Target): Target {
    const load = this.step(BPF.MISC | BPF.TO_X, 0, this.step(BPF.LOAD | SIZES[size] | BPF.INDIRECT, 0, next));
    if (this.kind !== 'tagged') return load;
    const behind = this.step(BPF.ALU | BPF.SUB, TAG, load);
    const before = this.#program.jump('GT', ADDRESSES - size, no, load);
    return this.#program.jump('GE', ADDRESSES + TAG, behind, before);
  }

  /** The length of the frame. */
  length(next: Target): Target {
    const then = this.kind === 'tagged' ? this.step(BPF.ALU | BPF.ADD, TAG, next) : next;
    return this.step(BPF.LOAD | BPF.LENGTH, 0, then);
  }

  equals(value: number, yes: Target, no: Target): Target {
    return this.#program.jump('EQ', value, yes, no);
  }

  jump(test: 'EQ' | 'GT' | 'GE' | 'SET', value: number, yes: Target, no: Target, x = false): Target {
    return this.#program.jump(test, value, yes, no, x);
  }

  step(code: number, value: number, next: Target): Target {
    return this.#program.step(code, value, next);
  }
}
