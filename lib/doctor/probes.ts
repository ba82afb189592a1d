import { CAP } from '../namespaces/credentials.js';

/** Numbers of the capabilities that something here depends on. */
export const CAPABILITIES = { ...CAP, SETFCAP: 31 } as const;

export type Capability = keyof typeof CAPABILITIES;

/** An attempt that the system refused. */
export interface Refusal {
  ok: false;
  /** The system call or netlink request: 'unshare', 'RTM_NEWLINK'. */
  call: string;
  /** 'EPERM'; ECANCELED where the process that tried was killed. */
  code: string;
  /** The kernel's own words. */
  kernel?: string;
}

/** What came of an attempt. */
export type Outcome = { ok: true } | Refusal;

/** Making a network namespace, and what was tried in it. */
export interface NetworkTrial {
  made: Outcome;
  /** Undefined if there was no namespace to try in. */
  inside?: {
    /** A netlink request: setting lo up. */
    netlink: Outcome;
    /** Entering it once more, as it is done for every socket. */
    entered: Outcome;
    veth: Outcome;
    bridge: Outcome;
    /** Raw sockets for ICMP and ICMPv6. */
    icmp: Outcome;
    icmp6: Outcome;
    /** Writing a sysctl. */
    sysctl: Outcome;
  };
}

/** System calls whose answer tells of a filter, or of the kernel's age. */
export const PROBED_CALLS = [
  'unshare',
  'setns',
  'memfd_create',
  'open_tree',
  'fsopen',
  'pidfd_open',
  'clone3',
  'mount_setattr',
  'statmount',
] as const;

export type ProbedCall = (typeof PROBED_CALLS)[number];

/**
 * What the checks ask of the system: everything they find out is found out through this. Nothing here rejects but
 * addon(), and nothing leaves anything behind.
 */
export interface Probes {
  readonly platform: string;
  readonly arch: string;
  /** 'Node.js', 'Bun', 'Deno', and its version: '20.19.0'. */
  readonly runtime: { name: string; version: string };
  /** The file that runs: AppArmor goes by its path. */
  readonly program: string;
  readonly uid: number;
  readonly gid: number;
  env(name: string): string | undefined;
  release(): string;
  libc(): string;
  /** The file that the add-on was loaded from. Throws what says why it could not be. */
  addon(): string;

  /** A file's content without white space around it; undefined if it cannot be read. */
  text(path: string): Promise<string | undefined>;
  /** The names in a directory; undefined if it cannot be read. */
  names(path: string): Promise<string[] | undefined>;
  /** The same for two paths of the same file or namespace; undefined if it cannot be told. */
  identity(path: string): Promise<string | undefined>;
  /** Undefined if this process may write to it, else 'EROFS', 'EACCES', 'ENOENT'. */
  unwritable(path: string): Promise<string | undefined>;

  capable(capability: Capability): boolean;
  dumpable(): boolean;
  /** Whether a clone can share this process's memory. */
  memoryIsShared(): Promise<boolean>;
  /** Whether the stub runs, in memory of its own. */
  stub(): Promise<Outcome>;
  /** What system calls answered to arguments that change nothing: 'EINVAL', 'ENOSYS', or '' for success. */
  calls(): Promise<ReadonlyMap<ProbedCall, string>>;
  /** Makes a user namespace and maps this user in it. */
  userNamespace(): Promise<Outcome>;
  network(): Promise<NetworkTrial>;
  /** Mounts, in a mount namespace of its own. */
  mount(): Promise<Outcome>;
}
