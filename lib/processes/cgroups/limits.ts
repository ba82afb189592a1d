import { bytesOf, type Size } from '../../mounts/size.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
  outOfRange,
} from '../../syscalls/validate.js';

/** What a group may use. What is left out stays as it is; null takes a limit away. Units: CPUs, ms, bytes. */
export interface Limits {
  cpu?: {
    /** So many CPUs' time, 0.1 for a tenth of one. At least 1 ms in each period. */
    quota?: number | null;
    /** In which that time is given, 1 to 1000 ms. Default 100. */
    period?: number;
    /** Its share where CPUs are scarce, against the groups beside it: 1 to 10000, default 100. */
    weight?: number;
  };
  cpuset?: {
    /** CPUs that it runs on: '0-3,7'. */
    cpus?: string | null;
    /** Memory nodes that it takes memory from. */
    mems?: string | null;
  };
  memory?: {
    /** When more is needed and nothing can be reclaimed, one of its processes is killed. */
    max?: Size | null;
    /** Above this it is slowed down and memory is reclaimed. cgroup v2. */
    high?: Size | null;
    /** Swap space besides. On cgroup v1 together with `max` only. */
    swap?: Size | null;
    /** Memory that is not taken from it as long as others have any to reclaim. cgroup v2. */
    low?: Size | null;
  };
  /** Processes and threads; fork() beyond fails with EAGAIN. */
  pids?: { max?: number | null };
  io?: {
    /** Its share of busy devices, 1 to 10000, default 100: where the device's scheduler is bfq. On v1 up to 1000. */
    weight?: number;
    /** By device, 'major:minor': bytes and operations a second. */
    devices?: Record<string, IoLimits>;
  };
}

export interface IoLimits {
  readBytes?: Size | null;
  writeBytes?: Size | null;
  readOps?: number | null;
  writeOps?: number | null;
}

const KEYS = {
  cpu: ['quota', 'period', 'weight'],
  cpuset: ['cpus', 'mems'],
  memory: ['max', 'high', 'swap', 'low'],
  pids: ['max'],
  io: ['weight', 'devices'],
} as const;
const IO_KEYS = ['readBytes', 'writeBytes', 'readOps', 'writeOps'] as const;
const CPU_LIST = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;
const PIDS_MAX = 2 ** 22;
const QUOTA_MAX = 2 ** 20;

/** Throws before anything is asked of the kernel. */
export function checkLimits(limits: unknown, name = 'limits'): asserts limits is Limits {
  checkObject(name, limits);
  checkKeys(name, limits, Object.keys(KEYS));
  for (const [controller, keys] of Object.entries(KEYS)) {
    const part = (limits as Record<string, unknown>)[controller];
    if (part === undefined) continue;
    checkObject(`${name}.${controller}`, part);
    checkKeys(`${name}.${controller}`, part, keys);
  }
  const { cpu = {}, cpuset = {}, memory = {}, pids = {}, io = {} } = limits as Limits;
  checkCpu(cpu, `${name}.cpu`);
  for (const [key, list] of Object.entries(cpuset)) checkList(`${name}.cpuset.${key}`, list);
  for (const [key, size] of Object.entries(memory))
    checkSize(`${name}.memory.${key}`, size, key === 'max' ? 1 : 0);
  if (pids.max !== undefined && pids.max !== null) checkInteger(`${name}.pids.max`, pids.max, 0, PIDS_MAX);
  if (io.weight !== undefined) checkInteger(`${name}.io.weight`, io.weight, 1, 10_000);
  if (io.devices !== undefined) checkDevices(`${name}.io.devices`, io.devices);
}

function checkCpu({ quota, period, weight }: NonNullable<Limits['cpu']>, name: string): void {
  if (weight !== undefined) checkInteger(`${name}.weight`, weight, 1, 10_000);
  if (period !== undefined) checkNumber(`${name}.period`, period, 1, 1000, 'from 1 to 1000 ms');
  if (quota === undefined || quota === null) return;
  checkNumber(`${name}.quota`, quota, 0, QUOTA_MAX, 'above 0');
  const given = quota * (period ?? DEFAULT_PERIOD);
  if (given < 1) throw outOfRange(`${name}.quota`, 'at least 1 ms of CPU time in each period', quota);
}

/** In ms, as the kernel has it. */
export const DEFAULT_PERIOD = 100;

function checkNumber(name: string, value: unknown, min: number, max: number, range: string): void {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!(value >= min && value <= max)) throw outOfRange(name, `a number ${range}`, value);
}

function checkList(name: string, list: unknown): void {
  if (list === undefined || list === null) return;
  checkString(name, list);
  if (!CPU_LIST.test(list)) throw invalidValue(name, "a list such as '0-3,7'", list);
}

function checkSize(name: string, size: unknown, least: number): void {
  if (size !== undefined && size !== null) bytesOf(name, size as Size, least);
}

function checkDevices(name: string, devices: unknown): void {
  checkObject(name, devices);
  for (const [device, limits] of Object.entries(devices)) {
    if (!/^\d+:\d+$/.test(device)) throw invalidValue(name, "devices as 'major:minor'", device);
    checkObject(`${name}['${device}']`, limits);
    checkKeys(`${name}['${device}']`, limits, IO_KEYS);
    for (const [key, value] of Object.entries(limits as IoLimits)) {
      if (key.endsWith('Bytes')) checkSize(`${name}['${device}'].${key}`, value, 1);
      else if (value !== undefined && value !== null)
        checkInteger(`${name}['${device}'].${key}`, value, 1, Number.MAX_SAFE_INTEGER);
    }
  }
}
