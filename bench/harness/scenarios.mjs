// What is measured. A phase is one figure that programs print, in nanoseconds, or with `share` as a share of 1. "first" is the first time in a
// process, cold; "again" a later time in the same process, warm. A
// scenario with parts runs its programs once for each, the part being the last argument. A row is one program: `times` scales up what was
// measured on a part; `baseline` marks what the ratios refer to (of several the best).
import { join } from 'node:path';
import { build } from './files.mjs';

const FIRST = { key: 'first', title: 'first' };
const AGAIN = { key: 'again', title: 'again' };
const TEARDOWN = { key: 'teardown', title: 'teardown' };
const C = { label: 'C', peer: 'c', baseline: true };
const NSNET = { label: 'nsnet', peer: 'nsnet' };
const GO = { label: 'Go vishvananda/netlink', peer: 'go' };
const PYROUTE2 = { label: 'pyroute2', peer: 'pyroute2' };

const cabled = [
  C,
  NSNET,
  GO,
  PYROUTE2,
  { label: 'ip -batch', peer: 'ip', args: ['batch'] },
  { label: 'ip, a command at a time', peer: 'ip', args: ['one'] },
];

const c = (args, label, baseline) => ({ label, peer: 'c', args: [args], baseline });
const ip = (args, label) => ({ label, peer: 'ip', args });

/** A crowd of processes that lasts as long as the program that is measured. */
const CROWD = `${join(build, 'c-peer')} crowd 10000 > /run/crowd 2>&1 & until [ -s /run/crowd ]; do sleep 0.1; done`;

/** Two named namespaces and a cable between them. */
const CABLE = `
  ip netns add a; ip netns add b; ip link add eth0 netns a type veth peer name eth0 netns b
  ip -n a address add 10.9.0.1/24 dev eth0; ip -n b address add 10.9.0.2/24 dev eth0
  for n in a b; do ip -n $n link set lo up; ip -n $n link set eth0 up; done
  until ip netns exec b ping -c 1 -W 1 -q 10.9.0.1 > /dev/null; do :; done`;

/** Machines lan and host, a cable between them, and a container that is connected to nothing yet. */
const HOST = `
  for n in host lan web; do ip netns add $n; ip -n $n link set lo up; done
  ip link add lan0 netns host type veth peer name eth0 netns lan
  ip -n host address add 192.0.2.10/24 dev lan0; ip -n lan address add 192.0.2.20/24 dev eth0
  ip -n host link set lan0 up; ip -n lan link set eth0 up
  ip netns exec host sysctl -q -w net.ipv4.ip_forward=1
  until ip netns exec lan ping -c 1 -W 1 -q 192.0.2.10 > /dev/null; do :; done`;

/** Of how many lowers the overlays are made. */
const LOWERS = [1, 10, 200];

/** Made in memory, unless NSNET_BENCH_COPY names a directory for it: then it stays there. */
const TO_COPY = `
  place=\${NSNET_BENCH_COPY:-/run}/nsnet-copy; rm -rf "$place"; mkdir -p "$place/small" "$place/large"; cd "$place"
  seq 900 | head -c 3300 > file; head -c 1G /dev/zero | tr '\\0' x > large/file
  for d in $(seq 100); do mkdir small/$d; (cd small/$d; tee $(seq 100) < ../../file > /dev/null); done`;

export const scenarios = [
  {
    name: 'lab',
    title: 'Two namespaces, a veth pair between them, an address each, up',
    phases: [FIRST, AGAIN, TEARDOWN],
    rows: cabled,
  },
  {
    name: 'star',
    title: 'A bridge in a router namespace and 100 namespaces on it: veth, address, up, default route',
    phases: [FIRST, AGAIN, TEARDOWN],
    rows: cabled,
  },
  {
    name: 'routes',
    title: '100,000 IPv4 routes added in a fresh namespace',
    phases: [FIRST, AGAIN],
    rate: { title: 'routes/s', amount: 100_000 },
    rows: [
      c('one', 'C, one by one', false),
      c('acks', 'C, 64 a send, an ack each', true),
      c('last', 'C, 64 a send, one ack a send', true),
      NSNET,
      GO,
      { ...PYROUTE2, label: 'pyroute2 (10,000, scaled up)', args: ['10000'], times: 10 },
      ip(['batch', '100000'], 'ip -batch'),
      { ...ip(['one', '1000'], 'ip, a command at a time (1,000, scaled up)'), times: 100 },
    ],
  },
  {
    name: 'dump',
    title: '100,000 routes read: to structs, to objects, to text',
    phases: [FIRST, AGAIN],
    prepare: `ip link set lo up && ip -batch ${join(build, 'routes.batch')}`,
    rows: [
      C,
      NSNET,
      GO,
      PYROUTE2,
      ip(['text'], 'ip route'),
      ip(['json'], 'ip -j route'),
      ip(['parsed'], 'ip -j route by spawnSync, then JSON.parse'),
    ],
  },
  {
    name: 'links',
    title: 'The ten links of a namespace listed; one call of a thousand',
    phases: [{ key: 'list', title: 'a call' }],
    prepare: `ip -batch ${join(build, 'links.batch')}`,
    rows: [C, NSNET, GO, PYROUTE2, ip([], 'ip -j -d link, then JSON.parse')],
  },
  {
    name: 'mounts',
    title: 'An overlay of 1, 10 and 200 lowers and an upper, on a tmpfs: made, attached, taken off',
    parts: LOWERS.map(String),
    phases: LOWERS.flatMap((lowers) => [
      { key: `first${lowers}`, title: `${lowers}: first` },
      { key: `again${lowers}`, title: 'again' },
    ]),
    rows: [
      { ...C, args: ['here'] },
      { ...C, baseline: false, label: 'C, each call by another thread', args: ['aside'] },
      { ...NSNET, label: 'nsnet, create({ target }) and close()', args: ['close'] },
      { ...NSNET, label: 'nsnet, create(), attach(), detach() and close()', args: ['detach'] },
      { label: 'mount and umount', peer: 'mount', args: ['mount'] },
      {
        label: 'fuse-overlayfs and umount',
        peer: 'fuse-overlayfs',
        args: ['fuse-overlayfs'],
        needs: 'mount',
      },
    ],
  },
  {
    name: 'copy',
    title:
      "A directory copied: 10,000 files of 3,300 bytes in 100 directories; a file of 1 GiB (nsnet's into a volume)",
    parts: ['small', 'large'],
    phases: [
      { key: 'firstsmall', title: '10,000: first' },
      { key: 'againsmall', title: 'again' },
      { key: 'firstlarge', title: '1 GiB: first' },
      { key: 'againlarge', title: 'again' },
    ],
    prepare: TO_COPY,
    rows: [
      C,
      { label: 'cp -a', peer: 'cp', args: ['cp'] },
      NSNET,
      { label: 'node:fs cp', peer: 'cp', args: ['fs'] },
    ],
  },
  {
    name: 'spawn',
    title: '/bin/true started and waited for: as it is; in new net, mnt, pid, uts and ipc namespaces',
    parts: ['plain', 'isolated'],
    phases: [
      { key: 'firstplain', title: 'as it is: first' },
      { key: 'againplain', title: 'again' },
      { key: 'firstisolated', title: 'in namespaces: first' },
      { key: 'againisolated', title: 'again' },
    ],
    rows: [
      C,
      { ...NSNET, label: 'nsnet', args: ['0'] },
      { ...NSNET, label: 'nsnet, with 2 GiB of heap', args: ['2048'] },
      { label: 'child_process; by it unshare', peer: 'child_process', args: ['unshare'] },
      { label: 'child_process; by it bwrap', peer: 'bwrap', args: ['bwrap'] },
      { label: 'child_process; by it crun', peer: 'crun', args: ['crun'] },
    ],
  },
  {
    name: 'sockets',
    title:
      'From one namespace to another over a veth pair: 1 GiB of a TCP stream; a TCP connection made and ended, 8 at once',
    phases: [
      { key: 'stream', title: '1 GiB' },
      { key: 'connect', title: 'a connection' },
      { key: 'dropped', title: 'not caught', share: true },
    ],
    against: '×',
    prepare: CABLE,
    rows: [
      { label: 'node under ip netns exec', peer: 'nsnet', args: ['exec'], needs: 'ip', baseline: true },
      { label: 'nsnet, two processes', peer: 'nsnet', args: ['nsnet'] },
      { label: 'nsnet, both ends in one process', peer: 'nsnet', args: ['one'] },
      { label: 'nsnet, two processes; a third captures all', peer: 'nsnet', args: ['capture'] },
    ],
  },
  {
    name: 'networks',
    title:
      'Containers connected to a network, each with a TCP and a UDP port published; from the LAN through a port: a TCP connection made and ended, 8 at once, with 2 and with 1,000 ports published; 1 GiB of a stream; the same by 127.0.0.1',
    parts: ['connect', 'traffic'],
    phases: [
      { key: 'oneconnect', title: 'a container' },
      { key: 'manyconnect', title: '64 at a time' },
      { key: 'fewtraffic', title: 'a connection' },
      { key: 'thousandtraffic', title: '1,000 ports' },
      { key: 'streamtraffic', title: '1 GiB' },
      { key: 'relaytraffic', title: 'by 127.0.0.1' },
    ],
    against: '×',
    prepare: HOST,
    rows: [
      { label: 'ip -batch and nft -f, by hand', peer: 'hand', baseline: true },
      { ...NSNET, needs: 'ip' },
      { label: 'the same by hand, a rule for each port', peer: 'linear' },
      { label: 'CNI plug-ins bridge and portmap', peer: 'cni' },
      { label: 'netavark', peer: 'netavark' },
      { label: 'socat', peer: 'socat' },
    ],
  },
  {
    name: 'namespaces',
    title: 'The namespaces of a machine with 10,000 processes, each with three descriptors',
    phases: [FIRST, AGAIN, { key: 'held', title: 'loop held' }],
    prepare: CROWD,
    rows: [
      { ...C, label: 'C, one thread' },
      { ...NSNET, needs: 'c' },
      { label: 'lsns -J, then JSON.parse (no descriptors)', peer: 'lsns', needs: 'c' },
    ],
  },
  {
    name: 'loop',
    title:
      "nsnet and the event loop: how long it stood still, by a 1 ms timer's lateness and by setImmediate gaps",
    phases: [
      { key: 'timerP99', title: 'timer p99' },
      { key: 'timerMax', title: 'timer max' },
      { key: 'gapP99', title: 'gap p99' },
      { key: 'gapMax', title: 'gap max' },
      { key: 'runMax', title: 'less CPU waits' },
      { key: 'heldMax', title: 'less GC too' },
      { key: 'addMedian', title: 'an add, median' },
      { key: 'addMax', title: 'an add, max' },
      { key: 'rtnlMax', title: 'rtnl held, max' },
    ],
    rows: [
      { label: 'nothing to do, rtnl held by another process', peer: 'nsnet', args: ['nothing'], needs: 'c' },
      { label: '100 adds every ms', peer: 'nsnet', args: ['steady'] },
      { label: '20 adds every ms, rtnl held by another process', peer: 'nsnet', args: ['held'], needs: 'c' },
    ],
  },
];
