import type { Readable, Writable } from 'node:stream';
import type { Call } from '../handles/listing.js';
import type { Mount } from '../mounts/mount.js';
import type { Size } from '../mounts/size.js';
import type { Namespace, NamespaceType } from '../namespaces/namespace.js';
import type { Capability } from './capabilities.js';
import type { Cgroup } from './cgroups/cgroup.js';
import type { Process } from './process.js';
import type { SeccompProfile } from './seccomp/types.js';

/** A namespace that a process is to be in: a new one, an open one, or that of a process. */
export type ProcessNamespace<T extends NamespaceType = NamespaceType> =
  | 'new'
  | Namespace<T>
  | Process
  | number;

export type ProcessNamespaces = { readonly [T in NamespaceType]?: ProcessNamespace<T> };

/** One line of /proc/<pid>/uid_map: so many ids inside, from `inside` on, are those outside from `outside` on. */
export interface IdRange {
  inside: number;
  outside: number;
  count: number;
}

/** capabilities(7): each set that is named is exactly that. */
export interface CapabilitySets {
  bounding?: readonly Capability[];
  permitted?: readonly Capability[];
  effective?: readonly Capability[];
  inheritable?: readonly Capability[];
  ambient?: readonly Capability[];
}

/** Something mounted in a root: a directory or file of this machine (with what is mounted in it), a mount, or a new tmpfs. */
export type RootMount =
  | { source: string | Mount; target: string; readonly?: boolean }
  | { type: 'tmpfs'; target: string; size?: Size; mode?: number };

/**
 * A container's root: the base, with /proc, /sys (read-only), /dev with its nodes, /dev/pts and /dev/shm mounted in it, and
 * what Docker hides or makes read-only so. All is nosuid and nodev. Missing mount points are made in the base.
 */
export interface ContainerRoot {
  base: string | Mount;
  /** Of the base; not of /dev and `mounts`. Default false. */
  readonly?: boolean;
  mounts?: readonly RootMount[];
}

/** A stream, nothing (/dev/null), this process's own, or a descriptor of this process. */
export type StdioItem = 'pipe' | 'ignore' | 'inherit' | number;

/** For 0, 1, 2 and so on; one for all three. */
export type Stdio = StdioItem | readonly StdioItem[];

/** Resources of setrlimit(2), as in `ulimit`; seconds, bytes or numbers. */
export type Resource =
  | 'as'
  | 'core'
  | 'cpu'
  | 'data'
  | 'fsize'
  | 'locks'
  | 'memlock'
  | 'msgqueue'
  | 'nice'
  | 'nofile'
  | 'nproc'
  | 'rss'
  | 'rtprio'
  | 'rttime'
  | 'sigpending'
  | 'stack';

export interface SpawnOptions extends Call {
  /** By type, or all those of a process, as nsenter(1): a pid, or what spawn() gave. Default: this process's own. */
  namespaces?: ProcessNamespaces | Process | number;
  /**
   * What it sees as its root, by pivot_root(2), in a new mount namespace. /proc is mounted in it if the pid namespace is
   * new or joined, and it has such a directory. Default: the root of its mount namespace.
   */
  root?: string | Mount | ContainerRoot;
  /** Looked up in its root. Default: this process's, or the root's own root where there is another. */
  cwd?: string;
  /** Default: process.env. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Of a new or joined uts namespace. */
  hostname?: string;
  domainname?: string;
  /** What the clocks of a new time namespace are ahead by, in ms; may be negative (Linux 5.6). */
  timeOffsets?: { monotonic?: number; boottime?: number };
  /** Of a new user namespace. Default: this user is its root, and nobody else is in it. More needs CAP_SETUID. */
  uidMap?: readonly IdRange[];
  gidMap?: readonly IdRange[];
  /**
   * Has the maps written by newuidmap(1) and newgidmap(1), which are started for that: an ordinary user has by them the
   * ranges that subuid(5) and subgid(5) allow. Default false.
   */
  newuidmap?: boolean;
  /** As the namespace counts. Default: unchanged, or 0 where the user namespace is another. */
  uid?: number;
  gid?: number;
  /** Supplementary groups. Default: none if `uid` or `gid` is given. */
  groups?: readonly number[];
  /** All five sets (without names of `ambient` no program but root's keeps any), or each. Default: as the kernel leaves them. */
  capabilities?: readonly Capability[] | CapabilitySets;
  /** prctl(PR_SET_NO_NEW_PRIVS). Default false, but true with `seccomp` where CAP_SYS_ADMIN is missing. */
  noNewPrivileges?: boolean;
  /** The group that it is born in: by CLONE_INTO_CGROUP (Linux 5.7) where that is v2, by a write before it runs on v1. */
  cgroup?: Cgroup;
  /**
   * Which system calls it may make, seccomp(2): a profile as in the OCI runtime specification, Docker's or Podman's; or a
   * program of classic BPF, 8 bytes an instruction. In force from its start, so execve must be allowed. Default: all calls.
   */
  seccomp?: SeccompProfile | Uint8Array;
  /** Soft and hard limit; Infinity is none. */
  rlimits?: Readonly<Partial<Record<Resource, number | readonly [soft: number, hard: number]>>>;
  umask?: number;
  /** −20 to 19. */
  nice?: number;
  /** Default 'pipe'. */
  stdio?: Stdio;
  /** Its 0, 1 and 2 are a new terminal, `terminal` of the Process, which controls its session: pty(7). Default: none; 80 × 24. */
  terminal?: boolean | { columns?: number; rows?: number };
  /**
   * Of a new pid namespace: a process of nsnet's is its first, passes signals on, and reaps what is left over; it ends
   * as the program does, with 128 and the signal's number where that was killed. Default false: the program is the first.
   */
  init?: boolean;
  /** Sent when `signal` is aborted. Default 'SIGKILL'. */
  killSignal?: NodeJS.Signals;
  /** It outlives this process, in a session of its own. Default false: it dies with it, even by kill -9. */
  detached?: boolean;
}

/** How a process ended. */
export interface Exit {
  /** Null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why, where nsnet knows; 'oom' where its cgroup was out of memory. */
  reason?: 'aborted' | 'maxBuffer' | 'oom';
}

export interface Streams {
  stdin: Writable | null;
  stdout: Readable | null;
  stderr: Readable | null;
}
