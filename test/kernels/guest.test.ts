// @kernels
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { describe, expect, it } from 'vitest';

const { NSNET_KERNEL_MATRIX, NSNET_KERNEL = '', NSNET_KERNEL_USER = '' } = process.env;
const status = (key: string) =>
  new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1];

/** Runs lines of `ip -batch` in a network namespace of its own, and returns what they print. */
function ipBatch(lines: string[]): string {
  const own = process.getuid?.() === 0 ? ['-n'] : ['-Urn'];
  return execFileSync('unshare', [...own, 'ip', '-batch', '-'], {
    input: lines.join('\n'),
    encoding: 'utf8',
  });
}

describe.runIf(NSNET_KERNEL_MATRIX)('the guest', () => {
  it('runs the kernel that was asked for', () => {
    expect(release().startsWith(`${NSNET_KERNEL}.`)).toBe(true);
  });

  it('runs the tests as the user that was asked for', () => {
    const ordinary = NSNET_KERNEL_USER === 'user';
    expect(process.getuid?.()).toBe(ordinary ? 65534 : 0);
    expect(process.getgroups?.()).toEqual([ordinary ? 65534 : 0]);
    expect(BigInt(`0x${status('CapEff')}`) === 0n).toBe(ordinary);
    expect(status('CapInh')).toBe('0000000000000000');
  });

  it('has every kind of link', () => {
    const kinds = [
      'bridge',
      'dummy',
      'ifb',
      'bond',
      'wireguard',
      'nlmon',
      'vrf table 10',
      'vxlan id 1 dstport 4789',
    ];
    const onVeth = ['vlan id 5', 'macvlan', 'macvtap'];
    const made = ipBatch([
      'link add v0 type veth peer name v1',
      ...kinds.map((kind, index) => `link add a${index} type ${kind}`),
      ...onVeth.map((kind, index) => `link add link v0 name b${index} type ${kind}`),
      'link add link v1 name c0 type ipvlan',
      'link add v2 master a0 type veth peer name v3',
      'link show',
    ]);
    for (const name of ['v0@v1', 'v1@v0', 'b2@v0', 'c0@v1', 'v2@v3']) expect(made).toContain(`: ${name}: `);
    expect(made.match(/^\d+: [abc]\d/gm)).toHaveLength(kinds.length + onVeth.length + 1);
    expect(made).toContain('master a0');
  });

  it('has no link but the loopback in a new network namespace, nor in its first one', () => {
    expect(ipBatch(['link show']).match(/^\d+: \S+/gm)).toEqual(['1: lo:']);
    expect(readdirSync('/sys/class/net').filter((name) => name !== 'bonding_masters')).toEqual(['lo']);
  });

  it('has netem and nftables', () => {
    const script = 'tc qdisc add dev lo root netem delay 1ms && nft add table inet t && nft list tables';
    const own = process.getuid?.() === 0 ? ['-n'] : ['-Urn'];
    expect(execFileSync('unshare', [...own, 'sh', '-c', script], { encoding: 'utf8' })).toBe(
      'table inet t\n',
    );
  });

  it('has cgroup2, and a disk for overlays', () => {
    expect(readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8')).toContain('memory');
    expect(statfsSync('/var/tmp').type).toBe(0xef53);
  });

  it('lets root write anywhere, and an ordinary user in the temporary directories', () => {
    for (const directory of NSNET_KERNEL_USER === 'root'
      ? ['/etc', '/tmp', '/var/tmp']
      : ['/tmp', '/var/tmp']) {
      const path = `${directory}/nsnet-guest-test`;
      writeFileSync(path, 'x');
      rmSync(path);
    }
  });
});
