// Where cgroups are, told from mounts and membership as different systems have them.
import { expect, test } from 'vitest';
import { parseMountinfo } from '../../../lib/mounts/mountinfo.js';
import { hierarchiesOf } from '../../../lib/processes/cgroups/hierarchies.js';

const of = (mounts: string, membership: string) =>
  hierarchiesOf([...parseMountinfo(Buffer.from(mounts))], membership).map(
    ({ version, controllers, mount, own }) => `${version} ${controllers.join()} ${mount} ${own}`,
  );

test('systemd with v2', () => {
  const mounts = '31 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
  expect(of(mounts, '0::/user.slice/user-1000.slice/session-3.scope\n')).toEqual([
    '2  /sys/fs/cgroup /user.slice/user-1000.slice/session-3.scope',
  ]);
  expect(of(mounts, '0::/\n')).toEqual(['2  /sys/fs/cgroup ']);
});

test('systemd with both, cpu and cpuacct together', () => {
  const mounts = [
    '30 23 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755',
    '31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
    '33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
    '34 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  ].join('\n');
  const membership =
    '9:memory:/user.slice\n4:cpu,cpuacct:/user.slice\n3:net_cls:/\n1:name=systemd:/x.scope\n0::/x.scope\n';
  expect(of(mounts, membership)).toEqual([
    '2  /sys/fs/cgroup/unified /x.scope',
    '1 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct /user.slice',
    '1 memory /sys/fs/cgroup/memory /user.slice',
  ]);
});

test("a container that is shown its own group, and one that is shown somebody else's", () => {
  const mounts = '40 30 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n';
  expect(of(mounts, '9:memory:/docker/abc\n')).toEqual(['1 memory /sys/fs/cgroup/memory ']);
  expect(of(mounts, '9:memory:/docker/abc/inner\n')).toEqual(['1 memory /sys/fs/cgroup/memory /inner']);
  expect(of(mounts, '9:memory:/docker/abcd\n')).toEqual([]);
  expect(of(mounts, '9:memory:/../other\n')).toEqual([]);
  expect(of('40 30 0:29 /../.. /mnt rw - cgroup2 cgroup2 rw\n', '0::/\n')).toEqual([]);
});

test('mounts that others hide do not count', () => {
  const first = '31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw';
  expect(of(`${first}\n32 31 0:40 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n`, '0::/x\n')).toEqual([]);
  expect(of(`${first}\n50 23 0:41 / /sys rw - tmpfs tmpfs rw\n`, '0::/x\n')).toEqual([]);
  expect(of(`${first}\n50 23 0:26 / /mnt rw - cgroup2 cgroup2 rw\n`, '0::/x\n')).toEqual([
    '2  /sys/fs/cgroup /x',
  ]);
  expect(of('', '0::/x\n')).toEqual([]);
});
