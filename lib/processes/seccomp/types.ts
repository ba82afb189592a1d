/** What becomes of a call, seccomp(2). SCMP_ACT_KILL is SCMP_ACT_KILL_THREAD; SCMP_ACT_NOTIFY is not supported. */
export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY';

export type SeccompOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ';

export type SeccompFlag =
  | 'SECCOMP_FILTER_FLAG_TSYNC'
  | 'SECCOMP_FILTER_FLAG_LOG'
  | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW';

/** A comparison of an argument, as 64 bits without sign; of a 32-bit architecture's call the lower 32. */
export interface SeccompArg {
  /** 0 to 5. */
  index: number;
  /** What it is compared with; of SCMP_CMP_MASKED_EQ the mask. A bigint above 2^53 − 1. */
  value: number | bigint;
  /** Of SCMP_CMP_MASKED_EQ what the masked argument is compared with. Default 0. */
  valueTwo?: number | bigint;
  op: SeccompOperator;
}

/** Docker's: a rule counts, or does not, for some processes, machines and kernels. All that is named must hold. */
export interface SeccompCondition {
  /** 'CAP_SYS_ADMIN': of what the process is started with. */
  caps?: readonly string[];
  /** Go's names: 'amd64', 'arm64'. */
  arches?: readonly string[];
  /** '4.8': this or a later one. */
  minKernel?: string;
}

export interface SeccompRule {
  /** Those that this machine does not have are passed over. */
  names: readonly string[];
  action: SeccompAction;
  /** Of SCMP_ACT_ERRNO and SCMP_ACT_TRACE. Default 1, EPERM. */
  errnoRet?: number;
  /** All of them must hold; any of them where one argument is in more than one. */
  args?: readonly SeccompArg[];
  includes?: SeccompCondition;
  /** The rule does not count if any of these holds. */
  excludes?: SeccompCondition;
  comment?: string;
}

/** `linux.seccomp` of the OCI runtime specification, or a profile of Docker's or Podman's. */
export interface SeccompProfile {
  /** Of calls that no rule matches. */
  defaultAction: SeccompAction;
  /** Of SCMP_ACT_ERRNO and SCMP_ACT_TRACE. Default 1, EPERM. */
  defaultErrnoRet?: number;
  /** Those whose calls are allowed at all, besides this machine's own: 'SCMP_ARCH_X86'. Default: none. */
  architectures?: readonly string[];
  /** Docker's, in place of `architectures`. */
  archMap?: readonly { architecture: string; subArchitectures?: readonly string[] }[];
  flags?: readonly SeccompFlag[];
  syscalls?: readonly SeccompRule[];
}
