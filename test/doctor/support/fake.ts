// A healthy machine, of which a test takes what it wants to see fail.
import type { Outcome, ProbedCall, Probes, Refusal } from '../../../lib/doctor/probes.js';

export const worked: Outcome = { ok: true };

export function refused(call: string, code: string): Refusal {
  return { ok: false, call, code };
}

const FILES: Record<string, string> = {
  '/proc/self/uid_map': '0          0 4294967295',
  '/proc/self/gid_map': '0          0 4294967295',
  '/proc/self/status': 'Name:\tnode\nSeccomp:\t0\nSeccomp_filters:\t0',
  '/proc/self/stat': '100 (node) S 1 100 100 0',
  '/proc/self/limits': 'Limit  Soft Limit  Hard Limit  Units\nMax open files            20000  20000  files',
  '/proc/self/mountinfo':
    '22 27 0:21 / /proc rw,relatime - proc proc rw\n27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
  '/proc/self/cgroup': '0::/user.slice/user@1000.service/app.slice/run.scope',
  '/sys/fs/cgroup/user.slice/user@1000.service/app.slice/run.scope/cgroup.controllers': 'cpu memory pids',
  '/proc/sys/user/max_user_namespaces': '15000',
  '/proc/sys/user/max_net_namespaces': '15000',
};

const CALLS: [ProbedCall, string][] = [
  ['unshare', ''],
  ['setns', 'EBADF'],
  ['memfd_create', 'EINVAL'],
  ['open_tree', 'EINVAL'],
  ['fsopen', 'EPERM'],
  ['pidfd_open', 'EINVAL'],
  ['clone3', 'EINVAL'],
  ['mount_setattr', 'EINVAL'],
  ['statmount', 'EINVAL'],
];

export interface Faults {
  platform?: string;
  runtime?: Probes['runtime'];
  program?: string;
  uid?: number;
  env?: Record<string, string>;
  release?: string;
  addon?: () => string;
  /** Contents by path; null for a file that is not there. */
  files?: Record<string, string | null>;
  directories?: Record<string, string[]>;
  /** What a path is; null for one that is not there. By default a path is itself. */
  identities?: Record<string, string | null>;
  unwritable?: Record<string, string>;
  capabilities?: string[];
  dumpable?: boolean;
  memoryIsShared?: boolean;
  stub?: Outcome;
  calls?: Partial<Record<ProbedCall, string>>;
  user?: Outcome;
  network?: Outcome;
  inside?: Partial<Record<'netlink' | 'entered' | 'veth' | 'bridge' | 'icmp' | 'icmp6' | 'sysctl', Outcome>>;
  mount?: Outcome;
}

/** What is there on a healthy machine besides ordinary files. */
const ABSENT = ['/.dockerenv', '/.flatpak-info', '/run/.containerenv', '/sys/fs/selinux/booleans'];

/** An ordinary user's process, unless `capabilities` are given. */
export function fake(faults: Faults = {}): Probes {
  const files: Record<string, string | null> = { ...FILES, ...faults.files };
  const identities = faults.identities ?? {};
  const made = faults.network ?? worked;
  const inside = {
    netlink: worked,
    entered: worked,
    veth: worked,
    bridge: worked,
    icmp: worked,
    icmp6: worked,
    sysctl: worked,
    ...faults.inside,
  };
  const stub = faults.stub ?? worked;
  return {
    platform: faults.platform ?? 'linux',
    arch: 'x64',
    runtime: faults.runtime ?? { name: 'Node.js', version: '20.19.0' },
    program: faults.program ?? '/usr/bin/node',
    uid: faults.uid ?? 1000,
    gid: 1000,
    env: (name) => faults.env?.[name],
    release: () => faults.release ?? '6.12.0-amd64',
    libc: () => 'glibc 2.36',
    addon: faults.addon ?? (() => '/package/prebuilds/linux-x64/nsnet.glibc.node'),
    text: async (path) => files[path] ?? undefined,
    names: async (path) =>
      faults.directories?.[path] ?? (path === '/proc/self/fd' ? ['0', '1', '2'] : undefined),
    identity: async (path) => {
      if (path in identities) return identities[path] ?? undefined;
      if (ABSENT.includes(path)) return undefined;
      return path.replace(/^\/proc\/1\/(ns|root)/, '/proc/self/$1').replace('/proc/self/root/', '/');
    },
    unwritable: async (path) => faults.unwritable?.[path],
    capable: (capability) => faults.capabilities?.includes(capability) ?? false,
    dumpable: () => faults.dumpable ?? true,
    memoryIsShared: async () => faults.memoryIsShared ?? true,
    stub: async () => stub,
    calls: async () =>
      new Map(stub.ok ? CALLS.map(([call, answer]) => [call, faults.calls?.[call] ?? answer]) : []),
    userNamespace: async () => faults.user ?? worked,
    network: async () => (made.ok ? { made, inside } : { made }),
    mount: async () => faults.mount ?? worked,
  };
}

export const ALL = ['SYS_ADMIN', 'NET_ADMIN', 'NET_RAW', 'SETFCAP'];
