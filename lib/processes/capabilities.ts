/** By their numbers, linux/capability.h. */
export const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;

/** Without the `CAP_` of capabilities(7). */
export type Capability = (typeof CAPABILITIES)[number];

export const isCapability = (name: unknown): name is Capability => CAPABILITIES.includes(name as Capability);

/** The two 32-bit words of a set. */
export function bitsOf(set: readonly Capability[]): [low: number, high: number] {
  const bits: [number, number] = [0, 0];
  for (const name of set) {
    const number = CAPABILITIES.indexOf(name);
    const half = number >> 5;
    bits[half] = ((bits[half] as number) | (1 << (number & 31))) >>> 0;
  }
  return bits;
}
