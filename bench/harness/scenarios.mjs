// What is measured. A phase is one figure that programs print, in nanoseconds. "first" is the first time in a
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

/** Of how many lowers the overlays are made. */
const LOWERS = [1, 10, 200];

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
      C,
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
