import { Assembler, MAX_INSTRUCTIONS, SIZE, type Target } from '../../bpf/assembler.js';
import { atLeast } from '../../syscalls/release.js';
import { invalidValue } from '../../syscalls/validate.js';
import { RETURN } from './actions.js';
import { type Architecture, type Machine, machineOf, X32_BIT } from './architectures.js';
import { DATA } from './data.js';
import type { Profile, Rule, Scope } from './read.js';
import { Table } from './table.js';

/** What the conditions of a profile's rules are about. */
export interface Circumstances {
  /** Whether the process has a capability: 'CAP_SYS_ADMIN'. */
  has: (capability: string) => boolean;
  /** Of the kernel. */
  release: string;
  /** Node's name for the machine. Default: this one's. */
  arch?: string;
}

/** What a tracer makes the number of a call that is not to be made. */
const NO_CALL = 0xffffffff;

/**
 * The program of a profile: it asks first how the call is made, then which it is, by halving, then for arguments.
 * What is called in a way that is not the profile's ends the process.
 */
export function compile(path: string, profile: Profile, circumstances: Circumstances): Uint8Array {
  const machine = machineOf(circumstances.arch);
  const rules = profile.rules.filter((rule) => counts(rule, machine, circumstances));
  const program = new Assembler();
  const wrong = program.return(RETURN.SCMP_ACT_KILL_PROCESS);
  const tables = architecturesOf(profile, machine).map((one) => new Table(program, one, profile, rules));
  // It is in force when the program is started.
  if (tables[0]?.refuses('execve')) throw invalidValue(path, 'a profile that allows execve', profile);
  const tokens = [...new Set(tables.map(({ architecture }) => architecture.token))];
  // This machine's own is asked for first, so it is put there last.
  const start = tokens.reduceRight<Target>((other, token) => {
    const own = tables.filter(({ architecture }) => architecture.token === token);
    return program.jump('EQ', token, addNumbers(program, own, wrong), other);
  }, wrong);
  const bytes = program.finish(program.load(DATA.architecture, start));
  if (bytes.length > MAX_INSTRUCTIONS * SIZE)
    throw invalidValue(path, `a profile of at most ${MAX_INSTRUCTIONS} instructions`, bytes.length / SIZE);
  return bytes;
}

/** As Docker does it. */
function counts({ includes, excludes }: Rule, { go }: Machine, { has, release }: Circumstances): boolean {
  const since = ({ minKernel }: Scope) => minKernel !== undefined && atLeast(release, minKernel);
  if (excludes.arches.includes(go) || excludes.caps.some(has) || since(excludes)) return false;
  return (
    (includes.arches.length === 0 || includes.arches.includes(go)) &&
    includes.caps.every(has) &&
    (includes.minKernel === undefined || since(includes))
  );
}

/** The machine's own, and those of its others that the profile names. */
function architecturesOf({ architectures, archMap }: Profile, machine: Machine): Architecture[] {
  const [own, ...others] = machine.architectures as [Architecture, ...Architecture[]];
  const mapped = archMap.filter(({ architecture }) => architecture === own.name);
  const named = new Set([...architectures, ...mapped.flatMap(({ subArchitectures }) => subArchitectures)]);
  return [own, ...others.filter(({ name }) => named.has(name))];
}

/** By the number of the call, found by halving. */
function addNumbers(program: Assembler, tables: readonly Table[], wrong: Target): Target {
  const of = (base: number) => tables.find(({ architecture }) => architecture.base === base);
  const low = of(0) as Table;
  const hasX32 = low.architecture.name === 'SCMP_ARCH_X86_64';
  const target = (number: number): Target => {
    if (number < X32_BIT || number === NO_CALL || !hasX32) return low.target(number);
    return of(X32_BIT)?.target(number - X32_BIT) ?? wrong;
  };
  const bounds = tables.flatMap((table) => table.bounds.map((bound) => bound + table.architecture.base));
  const ranges: { from: number; target: Target }[] = [];
  for (const from of Uint32Array.from([...bounds, X32_BIT, NO_CALL]).sort()) {
    const found = target(from);
    if (ranges.at(-1)?.target !== found) ranges.push({ from, target: found });
  }
  const halve = (first: number, end: number): Target => {
    const middle = (first + end) >>> 1;
    const { from, target: found } = ranges[middle] as (typeof ranges)[number];
    if (end - first === 1) return found;
    const above = halve(middle, end);
    return program.jump('GE', from, above, halve(first, middle));
  };
  return program.load(DATA.number, halve(0, ranges.length));
}
