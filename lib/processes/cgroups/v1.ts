// The control files of cgroup v1 (Documentation/admin-guide/cgroup-v1/, scheduler/sched-bwc.rst).
import { bytesOf, type Size } from '../../mounts/size.js';
import { unsupportedError } from '../../syscalls/errors.js';
import type { Change, Current } from './change.js';
import type { Controller } from './hierarchies.js';
import { DEFAULT_PERIOD, type IoLimits, type Limits } from './limits.js';

const WEIGHTS = ['blkio.bfq.weight', 'blkio.weight'] as const;
const THROTTLE = {
  readBytes: 'blkio.throttle.read_bps_device',
  writeBytes: 'blkio.throttle.write_bps_device',
  readOps: 'blkio.throttle.read_iops_device',
  writeOps: 'blkio.throttle.write_iops_device',
} as const;

export const FILES: Record<Controller, readonly string[]> = {
  cpu: ['cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.shares'],
  cpuset: ['cpuset.cpus', 'cpuset.mems'],
  memory: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
  pids: ['pids.max'],
  io: [...WEIGHTS, ...Object.values(THROTTLE)],
};

/** No limit is the greatest number of whole pages. */
const UNLIMITED = 2 ** 62;
/** The kernel's own factor between the two scales (sched_weight_from_cgroup()). */
const SHARES = 1024 / 100;

export function changesOf(controller: Controller, limits: Limits, now: Current): Change[] {
  switch (controller) {
    case 'cpu':
      return cpu(limits.cpu ?? {}, now);
    case 'cpuset':
      return cpuset(limits.cpuset ?? {});
    case 'memory':
      return memory(limits.memory ?? {}, now);
    case 'pids':
      return limits.pids?.max === undefined
        ? []
        : [{ file: 'pids.max', text: String(limits.pids.max ?? 'max') }];
    case 'io':
      return io(limits.io ?? {}, now);
  }
}

/** Quota and period are two files, and each pair of them must be one that the group above allows: so without in between. */
function cpu({ quota, period, weight }: NonNullable<Limits['cpu']>, now: Current): Change[] {
  const changes: Change[] = [];
  const file = 'cpu.cfs_quota_us';
  if (quota !== undefined || period !== undefined) {
    const { quota: has, period: every = DEFAULT_PERIOD } = cpuOf(now);
    const cpus = quota === undefined ? has : quota;
    const micros = Math.round((period ?? every) * 1000);
    changes.push({ file, text: '-1' });
    if (micros !== every * 1000) changes.push({ file: 'cpu.cfs_period_us', text: String(micros) });
    if (cpus !== undefined && cpus !== null)
      changes.push({ file, text: String(Math.round(cpus * micros)), undo: '-1' });
  }
  if (weight !== undefined) changes.push({ file: 'cpu.shares', text: String(Math.round(weight * SHARES)) });
  return changes;
}

function cpuOf(now: Current): { quota?: number; period?: number } {
  const micros = Number(now['cpu.cfs_period_us'] ?? DEFAULT_PERIOD * 1000);
  const quota = Number(now['cpu.cfs_quota_us'] ?? -1);
  return {
    ...(quota >= 0 && { quota: quota / micros }),
    ...(micros !== DEFAULT_PERIOD * 1000 && { period: micros / 1000 }),
  };
}

function cpuset({ cpus, mems }: NonNullable<Limits['cpuset']>): Change[] {
  if (cpus === null || mems === null) {
    throw unsupportedError('on cgroup v1 a group cannot be without CPUs or memory nodes of its own', {
      hint: "Give it those of the group above: '0-3'",
    });
  }
  return [
    ...(cpus === undefined ? [] : [{ file: 'cpuset.cpus', text: cpus }]),
    ...(mems === undefined ? [] : [{ file: 'cpuset.mems', text: mems }]),
  ];
}

/** v1 limits memory, and memory and swap together; the second never below the first, whatever the order. */
function memory({ max, high, low, swap }: NonNullable<Limits['memory']>, now: Current): Change[] {
  if ((high !== undefined && high !== null) || (low !== undefined && low !== null))
    throw unsupportedError('memory.high and memory.low are limits of cgroup v2');
  const limit = { file: 'memory.limit_in_bytes', has: numberOf(now['memory.limit_in_bytes']) };
  const both = { file: 'memory.memsw.limit_in_bytes', has: numberOf(now['memory.memsw.limit_in_bytes']) };
  const sizeOf = (size: Size | null) =>
    size === null ? Number.POSITIVE_INFINITY : bytesOf('memory', size, 0);
  const wanted = max === undefined ? limit.has : sizeOf(max);
  const swapped =
    swap === undefined ? both.has - (both.has === Number.POSITIVE_INFINITY ? 0 : limit.has) : sizeOf(swap);
  if (swap !== undefined && swapped !== Number.POSITIVE_INFINITY && wanted === Number.POSITIVE_INFINITY)
    throw unsupportedError('cgroup v1 limits swap only together with memory: give memory.max as well');
  const first = { file: limit.file, text: textOf(wanted) };
  const second = { file: both.file, text: textOf(wanted + swapped) };
  const changes = max === undefined ? [] : [first];
  const affected = swap !== undefined || (max !== undefined && both.has !== Number.POSITIVE_INFINITY);
  if (!affected) return changes;
  return wanted > both.has ? [second, ...changes] : [...changes, second];
}

function numberOf(text: string | undefined): number {
  const value = Number(text ?? UNLIMITED);
  return value >= UNLIMITED ? Number.POSITIVE_INFINITY : value;
}

const textOf = (value: number): string => (value === Number.POSITIVE_INFINITY ? '-1' : String(value));

function io({ weight, devices = {} }: NonNullable<Limits['io']>, now: Current): Change[] {
  const file = WEIGHTS.find((name) => now[name] !== undefined) ?? WEIGHTS[0];
  const changes: Change[] = weight === undefined ? [] : [{ file, text: String(weight) }];
  for (const [device, limits] of Object.entries(devices)) {
    for (const [key, throttle] of Object.entries(THROTTLE)) {
      const value: Size | null | undefined = limits[key as keyof IoLimits];
      if (value === undefined) continue;
      const before = (now[throttle] ?? '').split('\n').find((line) => line.startsWith(`${device} `));
      const text = `${device} ${value === null ? 0 : bytesOf(key, value)}`;
      changes.push({ file: throttle, text, undo: before ?? `${device} 0` });
    }
  }
  return changes;
}

export function limitsOf(controller: Controller, now: Current): Limits[Controller] {
  const found = read(controller, now);
  return found && Object.keys(found).length > 0 ? found : undefined;
}

function read(controller: Controller, now: Current): Limits[Controller] {
  switch (controller) {
    case 'cpu':
      return {
        ...cpuOf(now),
        ...(now['cpu.shares'] && { weight: Math.round(Number(now['cpu.shares']) / SHARES) }),
      };
    case 'cpuset':
      return {
        ...(now['cpuset.cpus'] && { cpus: now['cpuset.cpus'] }),
        ...(now['cpuset.mems'] && { mems: now['cpuset.mems'] }),
      };
    case 'memory': {
      const max = numberOf(now['memory.limit_in_bytes']);
      const both = numberOf(now['memory.memsw.limit_in_bytes']);
      return {
        ...(max !== Number.POSITIVE_INFINITY && { max }),
        ...(both !== Number.POSITIVE_INFINITY && { swap: both - max }),
      };
    }
    case 'pids':
      return now['pids.max'] === undefined || now['pids.max'] === 'max'
        ? undefined
        : { max: Number(now['pids.max']) };
    case 'io':
      return ioOf(now);
  }
}

function ioOf(now: Current): NonNullable<Limits['io']> {
  const devices: Record<string, IoLimits> = {};
  for (const [key, throttle] of Object.entries(THROTTLE)) {
    for (const line of (now[throttle] ?? '').split('\n').filter((text) => text !== '')) {
      const [device = '', value] = line.split(' ');
      devices[device] = { ...devices[device], [key]: Number(value) };
    }
  }
  const weight = now['blkio.bfq.weight'] ?? now['blkio.weight'];
  return {
    ...(weight !== undefined && { weight: Number(weight) }),
    ...(Object.keys(devices).length > 0 && { devices }),
  };
}
