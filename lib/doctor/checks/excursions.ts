// The two ways into another namespace: a clone that shares this process's memory, and the stub.
import { whyRefused } from '../causes/index.js';
import { filteredCalls } from '../causes/seccomp.js';
import { type Check, direct, type Examine, refusal, told } from '../check.js';
import { mountOf, mountsOf } from '../mountinfo.js';
import type { Probes } from '../probes.js';

/** Where a copy of the stub may lie if it cannot be in a memfd. */
function directories(probe: Probes): string[] {
  const runtime = probe.env('XDG_RUNTIME_DIR');
  return [...new Set([...(runtime ? [runtime] : []), '/dev/shm', '/tmp', '/var/tmp'])];
}

export const memory: Examine = async (probe) => {
  const ok = await probe.memoryIsShared();
  const check = { name: 'shared memory', ok, required: false };
  if (ok) return { ...check, found: 'a clone shares the memory of this process, as excursions need it' };
  return {
    ...check,
    found: 'a clone gets memory of its own (emulation by QEMU or WSL 1): the stub does all, more slowly',
    cure: 'Run it on a Linux kernel of its own: in a virtual machine, or WSL 2',
  };
};

async function whyNoMemfd(probe: Probes): Promise<string | undefined> {
  if (Number(await probe.text('/proc/sys/vm/memfd_noexec')) >= 2) return 'vm.memfd_noexec is 2';
  return (await filteredCalls(probe)).includes('memfd_create') ? 'memfd_create is refused' : undefined;
}

export const stub: Examine = async (probe): Promise<Check> => {
  const name = 'stub';
  const refused = refusal(await probe.stub());
  const why = await whyNoMemfd(probe);
  if (!refused) {
    const from = why ? `a file without a name, since ${why}` : 'a memfd';
    return { name, ok: true, found: `runs, from ${from}`, required: false };
  }
  const required = !(await probe.memoryIsShared()) || (!direct(probe) && !probe.dumpable());
  const found = `does not run: ${told(refused)}`;
  const places = directories(probe);
  const mounts = await mountsOf(probe);
  const noexec = places.filter((place) => mountOf(mounts, place)?.options.noexec);
  if (why) {
    return {
      name,
      ok: false,
      found: `${found}; ${why}, and ${noexec.join(', ') || places.join(', ')} cannot hold programs`,
      cure: `Either ${why.startsWith('vm') ? 'sudo sysctl -w vm.memfd_noexec=1' : 'allow memfd_create in the seccomp filter'}, or provide a directory for it: XDG_RUNTIME_DIR=DIRECTORY, or sudo mount -o remount,exec ${noexec.at(-1) ?? '/tmp'}`,
      required,
    };
  }
  const cause = await whyRefused(probe, refused);
  return { name, ok: false, found: `${found}; ${cause.why}`, cure: cause.cure, required };
};
