// The peers: what each is called, what it needs, how its programs are built and started.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bench, build, project, which } from './files.mjs';

const GO_PACKAGES = '/usr/share/gocode'; // where Debian puts Go libraries
const NETLINK_FOR_GO = 'src/github.com/vishvananda/netlink';

function compile(file, args, options) {
  const run = spawnSync(file, args, { encoding: 'utf8', ...options });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(run.stderr.trim());
}

/** The first Python that has pyroute2: a version manager's often has not when the system's has. */
function python() {
  const has = (file) => spawnSync(file, ['-c', 'import pyroute2']).status === 0;
  return ['/usr/bin/python3', 'python3'].find(has);
}

/** Programs that connect containers, or relay: started in namespace host. */
const NETWORKING = {
  hand: { packages: ['nftables', 'iproute2'], present: () => Boolean(which('nft') && which('ip')) },
  linear: { packages: ['nftables', 'iproute2'], present: () => Boolean(which('nft') && which('ip')) },
  cni: {
    packages: ['containernetworking-plugins', 'iptables'],
    present: () => existsSync('/usr/lib/cni/portmap') && Boolean(which('iptables')),
  },
  netavark: {
    packages: ['netavark', 'iptables'],
    present: () => existsSync('/usr/lib/podman/netavark') && Boolean(which('iptables')),
  },
  socat: { packages: ['socat', 'nftables'], present: () => Boolean(which('socat') && which('nft')) },
};

const networking = (name, args) => [
  ...['ip', 'netns', 'exec', 'host', process.execPath, join(bench, 'peers/networks/networks.mjs')],
  ...[name, ...args],
];

export const peers = {
  c: {
    packages: ['gcc', 'libc6-dev', 'linux-libc-dev'],
    present: () => Boolean(which('cc') && existsSync('/usr/include/linux/veth.h')),
    build() {
      const folder = join(bench, 'peers/c');
      const sources = readdirSync(folder).filter((name) => name.endsWith('.c'));
      compile('cc', ['-O2', '-pthread', '-o', join(build, 'c-peer'), ...sources], { cwd: folder });
    },
    command: (scenario, ...args) => [join(build, 'c-peer'), scenario, ...args],
  },
  nsnet: {
    missing: 'not built (npm run build)',
    present: () => existsSync(join(project, 'dist/index.js')),
    command(scenario, ...args) {
      // The loop's pauses are to be nsnet's: not those in which V8 waits for helper threads that get no processor.
      const flags = scenario === 'loop' ? ['--single-threaded-gc'] : [];
      return [process.execPath, ...flags, join(bench, 'nsnet', `${scenario}.mjs`), ...args];
    },
  },
  go: {
    packages: ['golang-go', 'golang-github-vishvananda-netlink-dev', 'golang-github-vishvananda-netns-dev'],
    present: () => Boolean(which('go') && existsSync(join(GO_PACKAGES, NETLINK_FOR_GO))),
    build() {
      const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PACKAGES, GOFLAGS: '-mod=mod' };
      env.GOCACHE = join(build, 'go-cache');
      compile('go', ['build', '-o', join(build, 'go-peer'), '.'], { cwd: join(bench, 'peers/go'), env });
    },
    command: (scenario, ...args) => [join(build, 'go-peer'), scenario, ...args],
  },
  pyroute2: {
    packages: ['python3', 'python3-pyroute2'],
    present: () => Boolean(python()),
    command: (scenario, ...args) => [
      python(),
      '-B',
      join(bench, 'peers/pyroute2', `${scenario}.py`),
      ...args,
    ],
  },
  cp: {
    packages: ['coreutils'],
    present: () => Boolean(which('cp')),
    command: (scenario, ...args) => [process.execPath, join(bench, 'peers/cp/cp.mjs'), scenario, ...args],
  },
  ip: {
    packages: ['iproute2'],
    present: () => Boolean(which('ip')),
    command: (scenario, ...args) => [process.execPath, join(bench, 'peers/ip/ip.mjs'), scenario, ...args],
  },
  lsns: {
    packages: ['util-linux'],
    present: () => Boolean(which('lsns')),
    command: () => [process.execPath, join(bench, 'peers/lsns/lsns.mjs')],
  },
  mount: {
    packages: ['mount'],
    present: () => Boolean(which('mount') && which('umount')),
    command: (_scenario, ...args) => [process.execPath, join(bench, 'peers/mount/mount.mjs'), ...args],
  },
  child_process: {
    present: () => true,
    command: (_scenario, ...args) => [process.execPath, join(bench, 'peers/spawn/spawn.mjs'), ...args],
  },
  bwrap: {
    packages: ['bubblewrap'],
    present: () => Boolean(which('bwrap')),
    command: (_scenario, ...args) => [process.execPath, join(bench, 'peers/spawn/spawn.mjs'), ...args],
  },
  crun: {
    packages: ['crun'],
    present: () => Boolean(which('crun')),
    command: (_scenario, ...args) => [process.execPath, join(bench, 'peers/spawn/spawn.mjs'), ...args],
  },
  'fuse-overlayfs': {
    packages: ['fuse-overlayfs'],
    present: () => Boolean(which('fuse-overlayfs')),
    command: (_scenario, ...args) => [process.execPath, join(bench, 'peers/mount/mount.mjs'), ...args],
  },
  ...Object.fromEntries(
    Object.entries(NETWORKING).map(([name, { packages, present }]) => [
      name,
      { packages, present, command: (_scenario, ...args) => networking(name, args) },
    ]),
  ),
};
