// What the program runs on: platform, kernel, runtime, the add-on.
import { errnoName } from '../../syscalls/errno.js';
import { atLeast } from '../../syscalls/release.js';
import { filteredCalls } from '../causes/seccomp.js';
import type { Check, Examine } from '../check.js';
import type { ProbedCall } from '../probes.js';

/** What namespaces, links and ping need is in kernels from here on. */
const OLDEST = '5.10';
/** And this is the oldest one that it was all tested on. */
const TESTED = '6.1';
const OLDEST_NODE = [20, 19] as const;

/** What a kernel brought, and a system call that shows whether it is there even if the release says otherwise. */
const FEATURES: readonly { since: string; what: string; call?: ProbedCall }[] = [
  { since: '5.2', what: 'mounts by descriptor', call: 'open_tree' },
  { since: '5.3', what: "joining a process's namespaces without a race", call: 'pidfd_open' },
  { since: '5.5', what: 'alternative names of links' },
  { since: '5.11', what: 'overlays without root' },
  { since: '5.12', what: 'id-mapped mounts', call: 'mount_setattr' },
  { since: '6.8', what: 'statmount', call: 'statmount' },
  { since: '6.15', what: 'overlays of detached mounts' },
];

export const platform: Examine = async ({ platform: name, arch }) => {
  const system = `${name} ${arch}`;
  if (name === 'linux') return { name: 'platform', ok: true, found: system, required: true };
  return {
    name: 'platform',
    ok: false,
    found: `${system}; namespaces are Linux's`,
    cure: 'Run it in a Linux container or virtual machine (Docker Desktop, Lima, WSL 2)',
    required: true,
  };
};

/** Never required: what is needed shows in what can be done. */
export const kernel: Examine = async (probe): Promise<Check> => {
  const release = probe.release();
  const answers = await probe.calls();
  const filtered = await filteredCalls(probe);
  const lacking = FEATURES.filter(({ since, call }) => {
    const answer = call && answers.get(call);
    if (answer === undefined || (call && filtered.includes(call))) return !atLeast(release, since);
    return answer === errnoName(38);
  });
  const lacks = lacking.length
    ? `; lacks ${lacking.map(({ what, since }) => `${what} (${since})`).join(', ')}`
    : '';
  const hidden = filtered.length ? `; a seccomp filter refuses ${filtered.join(', ')}` : '';
  const untested = atLeast(release, TESTED) ? '' : `; older than the oldest one tested, ${TESTED}`;
  const check = { name: 'kernel', found: `Linux ${release}${untested}${lacks}${hidden}`, required: false };
  if (atLeast(release, OLDEST)) return { ...check, ok: true };
  return {
    ...check,
    ok: false,
    cure: `Boot Linux ${OLDEST} or newer; ${TESTED} or newer has all that is used`,
  };
};

export const runtime: Examine = async (probe) => {
  const { name, version } = probe.runtime;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const old = name === 'Node.js' && (major < oldestMajor || (major === oldestMajor && minor < oldestMinor));
  const check = { name: 'runtime', found: `${name} ${version}, ${probe.libc()}`, required: false };
  if (!old) return { ...check, ok: true };
  return { ...check, ok: false, cure: `Install Node.js ${OLDEST_NODE.join('.')} or newer` };
};

export const addon: Examine = async (probe) => {
  try {
    return { name: 'add-on', ok: true, found: probe.addon(), required: true };
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    const found = hint === undefined ? message : message.replace(`. ${hint}`, '');
    const cure = hint ?? 'Install nsnet again';
    return { name: 'add-on', ok: false, found, cure, required: true };
  }
};
