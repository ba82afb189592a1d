import { native } from '../syscalls/native.js';
import type { Step, Steps } from '../syscalls/steps.js';
import { bitsOf, isCapability } from './capabilities.js';
import { setsOf } from './identity.js';
import type { Placement } from './namespaces.js';
import { filterOf } from './seccomp/option.js';
import type { SpawnOptions } from './types.js';

/** The system calls that it may make from now on; nothing but its start comes after it. */
export function addFilter(steps: Steps, options: SpawnOptions, placement: Placement): Step | undefined {
  const { seccomp, noNewPrivileges = true } = options;
  if (seccomp === undefined) return undefined;
  const { program, flags } = filterOf('seccomp', seccomp, {
    has: (capability) => has(capability.replace(/^CAP_/, ''), options, placement),
    release: String(native().kernelRelease()),
  });
  // Where CAP_SYS_ADMIN is missing then, the kernel asks for no_new_privs.
  return steps.add('seccomp', [program, flags, noNewPrivileges ? 1 : 0]);
}

/** Whether it is started with a capability, or, where they are given, can come by it: Docker asks for the bounding set. */
function has(name: string, options: SpawnOptions, { joined, made }: Placement): boolean {
  if (!isCapability(name)) return false;
  const sets = setsOf(options);
  if (sets) return (sets.bounding ?? sets.permitted ?? []).includes(name);
  if (options.uid !== undefined && options.uid !== 0) return false;
  if (joined.has('user') || made.has('user')) return true;
  const own = native().capabilities();
  return typeof own !== 'number' && bitsOf([name]).some((bits, half) => (bits & (own[half] as number)) !== 0);
}

/** What to do where it was not installed, or has forbidden the start. */
export function filterHint(call: string, code: string, { seccomp }: SpawnOptions): string | undefined {
  if (seccomp === undefined) return undefined;
  if (call === 'execve') return 'The seccomp filter may forbid it';
  if (call !== 'seccomp') return undefined;
  if (code === 'EACCES') return 'A filter needs CAP_SYS_ADMIN in its user namespace, or noNewPrivileges';
  if (code === 'EINVAL') return 'It is no program that seccomp(2) takes, or this kernel has no such flag';
  if (code === 'ENOSYS') return 'This kernel, or a filter of its own, has no seccomp(2)';
  return undefined;
}
