import { mountsOf } from './mountinfo.js';
import type { Probes } from './probes.js';

/** What this program runs in, where that is known to stand between it and the kernel. */
export type Engine = 'docker' | 'podman' | 'kubernetes' | 'lxc' | 'flatpak' | 'systemd';

/** What may be in the way, each with its cure by engine. */
export type Obstacle = 'calls' | 'proc' | 'apparmor' | 'capabilities' | 'descriptors' | 'run';

type Cures = Record<Obstacle, string>;

const containers = (command: string, proc: string): Cures => ({
  calls: `${command} run --security-opt seccomp=unconfined …, or seccomp=FILE with a profile that also allows unshare, setns, clone, mount and umount2; or ${command} run --cap-add SYS_ADMIN --cap-add NET_ADMIN …, for which the engine's own profile allows them`,
  proc: `${command} run --security-opt ${proc} …`,
  apparmor: `${command} run --security-opt apparmor=unconfined …`,
  capabilities: `${command} run --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW …`,
  descriptors: `${command} run --ulimit nofile=65536:65536 …`,
  run: `${command} run --tmpfs /run …`,
});

const cures: Record<Engine, Cures> = {
  docker: containers('docker', 'systempaths=unconfined'),
  podman: containers('podman', 'unmask=ALL'),
  kubernetes: {
    calls:
      "In the container's securityContext: seccompProfile: {type: Unconfined}, or capabilities: {add: [SYS_ADMIN, NET_ADMIN]}",
    proc: "In the container's securityContext: procMount: Unmasked (the pod needs hostUsers: false)",
    apparmor: "In the container's securityContext: appArmorProfile: {type: Unconfined}",
    capabilities: "In the container's securityContext: capabilities: {add: [SYS_ADMIN, NET_ADMIN, NET_RAW]}",
    descriptors: "Raise LimitNOFILE= of the node's container runtime (containerd.service)",
    run: 'Mount an emptyDir volume on /run',
  },
  lxc: {
    ...sameEverywhere(
      'lxc config set NAME security.nesting true (LXD, Incus), or lxc.include = /usr/share/lxc/config/nesting.conf',
    ),
    descriptors: 'lxc config set NAME limits.kernel.nofile 65536, or lxc.prlimit.nofile = 65536',
  },
  flatpak: sameEverywhere(
    'Flatpak allows no namespaces within it: run it outside, with flatpak-spawn --host …',
  ),
  systemd: {
    calls:
      'In the unit (systemctl edit UNIT): RestrictNamespaces=no, and a SystemCallFilter= that includes unshare setns clone @mount',
    proc: 'In the unit (systemctl edit UNIT): ProtectKernelTunables=no, ProtectProc=default, ProcSubset=all',
    apparmor: 'In the unit (systemctl edit UNIT): AppArmorProfile= without a profile',
    capabilities:
      'In the unit (systemctl edit UNIT): AmbientCapabilities=CAP_SYS_ADMIN CAP_NET_ADMIN CAP_NET_RAW',
    descriptors: 'In the unit (systemctl edit UNIT): LimitNOFILE=65536',
    run: 'In the unit (systemctl edit UNIT): ReadWritePaths=/run',
  },
};

const unknown: Cures = {
  calls:
    'Allow unshare, setns, clone, mount and umount2 in the seccomp filter that this program is started with, or start it without one',
  proc: 'Mount /proc anew in the place where this program runs, without hiding parts of it: mount -t proc proc /proc',
  apparmor: 'Start it without that AppArmor profile, or allow it there (sudo aa-complain PROFILE shows what)',
  capabilities: 'Run it with sudo, or give it the capabilities SYS_ADMIN, NET_ADMIN and NET_RAW',
  descriptors:
    "Raise the limit: ulimit -n 65536, or for good '* hard nofile 65536' in /etc/security/limits.conf",
  run: 'Make /run writable: mount -o remount,rw /run, or mount -t tmpfs tmpfs /run',
};

function sameEverywhere(cure: string): Cures {
  return { calls: cure, proc: cure, apparmor: cure, capabilities: cure, descriptors: cure, run: cure };
}

/** /.dockerenv is also in what was made out of an image, virtual machines among it; these mounts are not. */
async function hasDockerMounts(probe: Probes): Promise<boolean> {
  const mounts = await mountsOf(probe);
  return (
    mounts.length === 0 ||
    mounts.some(({ target }) => target === '/etc/resolv.conf' || target === '/etc/hosts')
  );
}

export async function engineOf(probe: Probes): Promise<Engine | undefined> {
  const there = async (path: string) => (await probe.identity(path)) !== undefined;
  const container = probe.env('container') ?? (await probe.text('/run/systemd/container'));
  if (probe.env('KUBERNETES_SERVICE_HOST') !== undefined) return 'kubernetes';
  if (await there('/.flatpak-info')) return 'flatpak';
  if (container === 'podman' || (await there('/run/.containerenv'))) return 'podman';
  if (container === 'docker' || ((await there('/.dockerenv')) && (await hasDockerMounts(probe))))
    return 'docker';
  if (container === 'lxc') return 'lxc';
  // Set by systemd for what it starts, a desktop's terminals included; those set TERM.
  const service = probe.env('SYSTEMD_EXEC_PID') !== undefined && probe.env('TERM') === undefined;
  return service ? 'systemd' : undefined;
}

/** What to do about an obstacle, in the words of the engine that put it there. */
export async function engineCure(probe: Probes, obstacle: Obstacle): Promise<string> {
  const engine = await engineOf(probe);
  return (engine ? cures[engine] : unknown)[obstacle];
}
