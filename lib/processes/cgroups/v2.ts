// The control files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst).
import { bytesOf, type Size } from '../../mounts/size.js';
import type { Change, Current } from './change.js';
import type { Controller } from './hierarchies.js';
import { DEFAULT_PERIOD, type IoLimits, type Limits } from './limits.js';

export const FILES: Record<Controller, readonly string[]> = {
  cpu: ['cpu.max', 'cpu.weight'],
  cpuset: ['cpuset.cpus', 'cpuset.mems'],
  memory: ['memory.max', 'memory.high', 'memory.low', 'memory.swap.max'],
  pids: ['pids.max'],
  io: ['io.weight', 'io.max'],
};

const MEMORY = {
  max: 'memory.max',
  high: 'memory.high',
  low: 'memory.low',
  swap: 'memory.swap.max',
} as const;

export function changesOf(controller: Controller, limits: Limits, now: Current): Change[] {
  const { cpu = {}, cpuset = {}, memory = {}, pids = {}, io = {} } = limits;
  const changes: Change[] = [];
  switch (controller) {
    case 'cpu':
      if (cpu.quota !== undefined || cpu.period !== undefined)
        changes.push({ file: 'cpu.max', text: cpuMax(cpu, now['cpu.max']) });
      if (cpu.weight !== undefined) changes.push({ file: 'cpu.weight', text: String(cpu.weight) });
      break;
    case 'cpuset':
      // An empty write is none: a newline is what empties it.
      if (cpuset.cpus !== undefined) changes.push({ file: 'cpuset.cpus', text: cpuset.cpus ?? '\n' });
      if (cpuset.mems !== undefined) changes.push({ file: 'cpuset.mems', text: cpuset.mems ?? '\n' });
      break;
    case 'memory':
      for (const [key, file] of Object.entries(MEMORY)) {
        const size = memory[key as keyof typeof MEMORY];
        const none = key === 'low' ? '0' : 'max';
        if (size !== undefined)
          changes.push({ file, text: size === null ? none : String(bytesOf(key, size, 0)) });
      }
      break;
    case 'pids':
      if (pids.max !== undefined) changes.push({ file: 'pids.max', text: String(pids.max ?? 'max') });
      break;
    case 'io':
      if (io.weight !== undefined) changes.push({ file: 'io.weight', text: `default ${io.weight}` });
      for (const [device, of] of Object.entries(io.devices ?? {}))
        changes.push(ioMax(device, of, now['io.max']));
  }
  return changes;
}

/** 'max 100000': µs of CPU time in each period of so many µs. */
function cpuMax({ quota, period }: NonNullable<Limits['cpu']>, now = 'max 100000'): string {
  const { quota: has, period: every = DEFAULT_PERIOD } = cpuOf(now);
  const cpus = quota === undefined ? has : quota;
  const micros = Math.round((period ?? every) * 1000);
  return `${cpus === null || cpus === undefined ? 'max' : Math.round(cpus * micros)} ${micros}`;
}

function cpuOf(text: string): { quota?: number; period?: number } {
  const [quota = 'max', micros = '100000'] = text.split(' ');
  const period = Number(micros) / 1000;
  return {
    ...(quota !== 'max' && { quota: Number(quota) / Number(micros) }),
    ...(period !== DEFAULT_PERIOD && { period }),
  };
}

const IO = { readBytes: 'rbps', writeBytes: 'wbps', readOps: 'riops', writeOps: 'wiops' } as const;
const NO_LIMIT = 'rbps=max wbps=max riops=max wiops=max';

function ioMax(device: string, limits: IoLimits, now = ''): Change {
  const words = Object.entries(IO).flatMap(([key, word]) => {
    const value: Size | null | undefined = limits[key as keyof IoLimits];
    return value === undefined ? [] : [`${word}=${value === null ? 'max' : bytesOf(key, value)}`];
  });
  const before = now.split('\n').find((line) => line.startsWith(`${device} `));
  return { file: 'io.max', text: `${device} ${words.join(' ')}`, undo: before ?? `${device} ${NO_LIMIT}` };
}

export function limitsOf(controller: Controller, now: Current): Limits[Controller] {
  const limits: Limits = {};
  switch (controller) {
    case 'cpu':
      limits.cpu = {
        ...(now['cpu.max'] && cpuOf(now['cpu.max'])),
        ...(now['cpu.weight'] && { weight: Number(now['cpu.weight']) }),
      };
      break;
    case 'cpuset':
      limits.cpuset = {
        ...(now['cpuset.cpus'] && { cpus: now['cpuset.cpus'] }),
        ...(now['cpuset.mems'] && { mems: now['cpuset.mems'] }),
      };
      break;
    case 'memory':
      limits.memory = {};
      for (const [key, file] of Object.entries(MEMORY)) {
        const text = now[file];
        if (text !== undefined && text !== 'max' && !(key === 'low' && text === '0'))
          limits.memory[key as keyof typeof MEMORY] = Number(text);
      }
      break;
    case 'pids':
      if (now['pids.max'] !== undefined && now['pids.max'] !== 'max')
        limits.pids = { max: Number(now['pids.max']) };
      break;
    case 'io':
      limits.io = ioOf(now);
  }
  const found = limits[controller];
  return found && Object.keys(found).length > 0 ? found : undefined;
}

function ioOf(now: Current): NonNullable<Limits['io']> {
  const [, weight] = /^default (\d+)/m.exec(now['io.weight'] ?? '') ?? [];
  const devices: Record<string, IoLimits> = {};
  for (const line of (now['io.max'] ?? '').split('\n').filter((text) => text !== '')) {
    const [device = '', ...words] = line.split(' ');
    const values = new Map(words.map((word) => word.split('=') as [string, string]));
    const limits: IoLimits = {};
    for (const [key, word] of Object.entries(IO)) {
      const value = values.get(word);
      if (value !== undefined && value !== 'max') limits[key as keyof IoLimits] = Number(value);
    }
    devices[device] = limits;
  }
  return {
    ...(weight !== undefined && { weight: Number(weight) }),
    ...(Object.keys(devices).length > 0 && { devices }),
  };
}
