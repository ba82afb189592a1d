/** A system call as a filter sees it, struct seccomp_data. */
export interface Call {
  number: number;
  token: number;
  args: readonly bigint[];
}

export function dataOf({ number, token, args }: Call): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, token, true);
  for (const [i, arg] of args.entries()) data.setBigUint64(16 + 8 * i, arg, true);
  return data;
}

/** The instructions of a program, as [code, jt, jf, k]. */
export function instructionsOf(program: Uint8Array): [number, number, number, number][] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  return Array.from({ length: program.length / 8 }, (_, i) => [
    view.getUint16(i * 8, true),
    view.getUint8(i * 8 + 2),
    view.getUint8(i * 8 + 3),
    view.getUint32(i * 8 + 4, true),
  ]);
}

export interface Result {
  returned: number;
  /** How many instructions were carried out. */
  count: number;
}

/** What the kernel's interpreter of classic BPF does, for what seccomp(2) allows: linux/filter.h, seccomp_check_filter(). */
export function interpret(program: readonly [number, number, number, number][], data: DataView): Result {
  let accumulator = 0;
  let at = 0;
  for (let count = 1; ; count++) {
    const instruction = program[at++];
    if (!instruction) throw new RangeError('the program goes on behind its end');
    const [code, yes, no, k] = instruction;
    switch (code) {
      case 0x20:
        accumulator = data.getUint32(k, true);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += accumulator === k ? yes : no;
        break;
      case 0x25:
        at += accumulator > k ? yes : no;
        break;
      case 0x35:
        at += accumulator >= k ? yes : no;
        break;
      case 0x45:
        at += (accumulator & k) !== 0 ? yes : no;
        break;
      case 0x06:
        return { returned: k, count };
      default:
        throw new RangeError(`not an instruction: 0x${code.toString(16)}`);
    }
  }
}
