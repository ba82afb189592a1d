import { unsupportedError } from '../../syscalls/errors.js';
import { AARCH64, ARM } from './numbers-arm.js';
import { COMMON, TIME64 } from './numbers-common.js';
import { I386, NOT_X32, X32, X86_64 } from './numbers-x86.js';

/** A way in which system calls are made. */
export interface Architecture {
  name: string;
  /** AUDIT_ARCH_…, linux/audit.h. */
  token: number;
  /** Whether its arguments have 64 bits. */
  wide: boolean;
  /** What all its numbers have in common. */
  base: number;
  /** By its name; without `base`. */
  numbers: ReadonlyMap<string, number>;
  /** Calls whose first argument says which of others is meant. */
  multiplexers: readonly Multiplexer[];
}

export interface Multiplexer {
  name: string;
  /** Of the argument, what says it. */
  mask: number;
  calls: Readonly<Record<string, number>>;
}

/** __X32_SYSCALL_BIT. */
export const X32_BIT = 0x40000000;

/** linux/net.h. The arguments themselves are in memory, where no filter sees them. */
const SOCKETCALL: Multiplexer = {
  name: 'socketcall',
  mask: 0xffffffff,
  calls: {
    socket: 1,
    bind: 2,
    connect: 3,
    listen: 4,
    accept: 5,
    getsockname: 6,
    getpeername: 7,
    socketpair: 8,
    send: 9,
    recv: 10,
    sendto: 11,
    recvfrom: 12,
    shutdown: 13,
    setsockopt: 14,
    getsockopt: 15,
    sendmsg: 16,
    recvmsg: 17,
    accept4: 18,
    recvmmsg: 19,
    sendmmsg: 20,
  },
};

/** linux/ipc.h. The upper half is a version. */
const IPC: Multiplexer = {
  name: 'ipc',
  mask: 0xffff,
  calls: {
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  },
};

type Table = Omit<Architecture, 'numbers'> & { texts: readonly string[]; without?: string };

/** Its own first, then what it runs besides. */
const MACHINES: Readonly<Record<string, { go: string; tables: readonly Table[] }>> = {
  x64: {
    go: 'amd64',
    tables: [
      {
        name: 'SCMP_ARCH_X86_64',
        token: 0xc000003e,
        wide: true,
        base: 0,
        multiplexers: [],
        texts: [X86_64, COMMON],
      },
      {
        name: 'SCMP_ARCH_X86',
        token: 0x40000003,
        wide: false,
        base: 0,
        multiplexers: [SOCKETCALL, IPC],
        texts: [I386, TIME64, COMMON],
      },
      {
        name: 'SCMP_ARCH_X32',
        token: 0xc000003e,
        wide: false,
        base: X32_BIT,
        multiplexers: [],
        texts: [X86_64, COMMON, X32],
        without: NOT_X32,
      },
    ],
  },
  arm64: {
    go: 'arm64',
    tables: [
      {
        name: 'SCMP_ARCH_AARCH64',
        token: 0xc00000b7,
        wide: true,
        base: 0,
        multiplexers: [],
        texts: [AARCH64, COMMON],
      },
      {
        name: 'SCMP_ARCH_ARM',
        token: 0x40000028,
        wide: false,
        base: 0,
        multiplexers: [],
        texts: [ARM, TIME64, COMMON],
      },
    ],
  },
};

/** Those of the specification; some never call a kernel of this machine. */
export const ARCHITECTURES: ReadonlySet<string> = new Set(
  'X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB'
    .split(' ')
    .map((name) => `SCMP_ARCH_${name}`),
);

export interface Machine {
  /** Go's name for it. */
  go: string;
  architectures: readonly Architecture[];
}

const machines = new Map<string, Machine>();

/** The architectures of a machine, by Node's name for it. */
export function machineOf(arch: string = process.arch): Machine {
  let machine = machines.get(arch);
  if (!machine) {
    const known = MACHINES[arch];
    if (!known)
      throw unsupportedError(`seccomp profiles are not compiled for ${arch}, only programs are taken`);
    const architectures = known.tables.map(({ texts, without, ...rest }) => ({
      ...rest,
      numbers: numbersOf(texts, without),
    }));
    machine = { go: known.go, architectures };
    machines.set(arch, machine);
  }
  return machine;
}

const wordsOf = (text: string): string[] => text.trim().split(/\s+/);

function numbersOf(texts: readonly string[], without = ''): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const text of texts) {
    let next = 0;
    for (const word of wordsOf(text)) {
      if (word.startsWith('@')) next = Number(word.slice(1));
      else numbers.set(word, next++);
    }
  }
  for (const name of wordsOf(without)) numbers.delete(name);
  return numbers;
}
