import { atLeast } from '../../syscalls/release.js';
import { engineCure } from '../engine.js';
import type { ProbedCall, Probes } from '../probes.js';
import { denied, type FindCause } from './cause.js';

/** Since when a kernel answers them; those that every kernel that Node runs on answers are not listed. */
const SINCE: Partial<Record<ProbedCall, string>> = {
  open_tree: '5.2',
  fsopen: '5.2',
  pidfd_open: '5.3',
  clone3: '5.3',
  mount_setattr: '5.12',
  statmount: '6.8',
};

/** The kernel itself refuses these to nobody, with the arguments they were tried with. */
const FREE: readonly ProbedCall[] = ['unshare', 'setns', 'memfd_create'];

/** The calls that something between this program and the kernel refuses. */
export async function filteredCalls(probe: Probes): Promise<ProbedCall[]> {
  const answers = await probe.calls();
  return [...answers].flatMap(([call, answer]) => {
    const since = SINCE[call];
    const absent = answer === 'ENOSYS' && (since === undefined || atLeast(probe.release(), since));
    const refused = FREE.includes(call) && (answer === 'EPERM' || answer === 'EACCES');
    return absent || refused || answer === 'ECANCELED' ? [call] : [];
  });
}

/** A seccomp filter that refuses the call whatever its arguments are. */
export const filter: FindCause = async (probe, { call, code }) => {
  const filtered = await filteredCalls(probe);
  if (code !== 'ECANCELED' && code !== 'ENOSYS' && !filtered.some((each) => each === call)) return undefined;
  const calls = filtered.length ? filtered.join(', ') : call;
  return {
    why: `a seccomp filter, such as container engines set, refuses ${calls}`,
    cure: await engineCure(probe, 'calls'),
  };
};

/** A filter may look at arguments, so that only the real call shows it: the last guess. */
export const perhapsFilter: FindCause = async (probe, refusal) => {
  const status = (await probe.text('/proc/self/status')) ?? '';
  if (!denied(refusal) || !/^Seccomp:\s*2$/m.test(status)) return undefined;
  return {
    why: 'no cause but the seccomp filter that this process runs under was found',
    cure: await engineCure(probe, 'calls'),
  };
};
