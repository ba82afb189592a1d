// Where this process may make cgroups, and with which controllers.
import { type Hierarchy, hierarchiesOf, V1_CURE } from '../../processes/cgroups/hierarchies.js';
import type { Check, Examine } from '../check.js';
import { mountsOf } from '../mountinfo.js';
import type { Probes } from '../probes.js';

const WANTED = ['cpu', 'memory', 'pids'];

export const cgroups: Examine = async (probe): Promise<Check> => {
  const check = { name: 'cgroups', ok: false, required: false };
  const all = hierarchiesOf(await mountsOf(probe), (await probe.text('/proc/self/cgroup')) ?? '');
  if (all.length === 0) {
    return {
      ...check,
      found: 'none are mounted that show this process',
      cure: 'In a container: docker run --cgroupns=private …; else: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    };
  }
  const answers = await Promise.all(all.map((hierarchy) => refusal(probe, hierarchy)));
  const usable = all.filter((_, i) => answers[i] === undefined);
  const controllers = [
    ...new Set((await Promise.all(usable.map((one) => controllersOf(probe, one)))).flat()),
  ];
  const versions = [...new Set(all.map(({ version }) => `v${version}`))].join(' and ');
  const missing = WANTED.filter((name) => !controllers.includes(name));
  if (missing.length === 0) {
    return { ...check, ok: true, found: `${versions}: groups with ${controllers.sort().join(', ')}` };
  }
  return {
    ...check,
    found:
      usable.length === 0
        ? `${versions}: none can be made here (${answers.find((answer) => answer)})`
        : `${versions}: groups without ${missing.join(', ')}`,
    cure: cure(probe, all, usable, answers),
  };
};

/** On v2 a process may also use the group above its own, where that was delegated. */
async function refusal(probe: Probes, { version, mount, own }: Hierarchy): Promise<string | undefined> {
  const places = version === 2 && own !== '' ? [own, own.slice(0, own.lastIndexOf('/'))] : [own];
  const answers = await Promise.all(
    places.map(async (place) => {
      const files = version === 2 ? ['', '/cgroup.procs'] : [''];
      const told = await Promise.all(files.map((file) => probe.unwritable(mount + place + file)));
      return told.find((answer) => answer !== undefined);
    }),
  );
  return answers.includes(undefined) ? undefined : answers[0];
}

async function controllersOf(
  probe: Probes,
  { version, controllers, mount, own }: Hierarchy,
): Promise<string[]> {
  if (version === 1) return controllers;
  return ((await probe.text(`${mount}${own}/cgroup.controllers`)) ?? '')
    .split(' ')
    .filter((word) => word !== '');
}

function cure(probe: Probes, all: Hierarchy[], usable: Hierarchy[], answers: (string | undefined)[]): string {
  if (answers.includes('EROFS'))
    return 'docker run --privileged …, or podman run --security-opt unmask=/sys/fs/cgroup …';
  const v1 = all.some(({ version }) => version === 1);
  if (v1) return V1_CURE;
  if (usable.length === 0)
    return 'systemd-run --user --scope -p Delegate=yes node …, or Delegate=yes in the unit';
  return probe.uid === 0
    ? 'Look for cgroup_disable= in /proc/cmdline; in a unit: Delegate=yes'
    : 'sudo systemctl edit user@.service with the lines [Service] and Delegate=cpu cpuset io memory pids; then log in anew';
}
