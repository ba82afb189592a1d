import { keyed, readFiles } from './files.js';
import type { Group } from './group.js';

/** What a group has used, those below it included. What this kernel, or this hierarchy, does not tell is left out. */
export interface CgroupStats {
  cpu?: {
    /** CPU time in ms; all, in programs, in the kernel. */
    usage: number;
    user: number;
    system: number;
    /** Periods in which it ran, and those in which it had to wait because its quota was spent. With cpu limits. */
    periods?: number;
    throttled?: number;
    /** ms that it has waited so, its threads on each CPU added up. */
    throttledTime?: number;
  };
  memory?: {
    /** Bytes now, and the most there were. */
    usage: number;
    peak?: number;
    swap?: number;
    /** Of programs, and of files that the kernel keeps in memory for them. */
    anonymous: number;
    file: number;
    /** How often `max` was reached, and memory had to be reclaimed. */
    maxEvents: number;
    /** How often nothing could be reclaimed (not on cgroup v1), and how many processes were killed for it. */
    oom?: number;
    oomKill: number;
  };
  pids?: {
    /** Processes and threads now, and the most there were. */
    current: number;
    peak?: number;
    /** How often a fork was refused. */
    maxEvents: number;
  };
  io?: { devices: Record<string, IoStats> };
}

export interface IoStats {
  readBytes: number;
  writeBytes: number;
  readOps: number;
  writeOps: number;
}

const V2 = [
  'cpu.stat',
  'memory.current',
  'memory.peak',
  'memory.swap.current',
  'memory.stat',
  'memory.events',
  'pids.current',
  'pids.peak',
  'pids.events',
  'io.stat',
] as const;
type Told<Name extends string> = Partial<Record<Name, string | undefined>>;

/** Each from v2 where it is there, from v1 where not. */
export async function statsOf(group: Group): Promise<CgroupStats> {
  const told: Told<(typeof V2)[number]> = group.unified ? await readFiles(group.unified.directory, V2) : {};
  const cpu = { ...(await cpuV1(group)), ...cpuV2(told) };
  const memory = told['memory.current'] === undefined ? await memoryV1(group) : memoryV2(told);
  const pids = told['pids.current'] === undefined ? await pidsV1(group) : pidsOf(told);
  const io = told['io.stat'] === undefined ? await ioV1(group) : { devices: ioV2(told['io.stat']) };
  return {
    ...('usage' in cpu && { cpu: cpu as NonNullable<CgroupStats['cpu']> }),
    ...(memory && { memory }),
    ...(pids && { pids }),
    ...(io && { io }),
  };
}

const number = (text: string | undefined): number => Number(text ?? 0);
const optional = (key: string, text: string | undefined) =>
  text === undefined ? {} : { [key]: Number(text) };

function cpuV2(told: Told<(typeof V2)[number]>): Partial<NonNullable<CgroupStats['cpu']>> {
  if (told['cpu.stat'] === undefined) return {};
  const stat = keyed(told['cpu.stat']);
  const ms = (key: string) => (stat[key] ?? 0) / 1000;
  return {
    usage: ms('usage_usec'),
    user: ms('user_usec'),
    system: ms('system_usec'),
    ...(stat.nr_periods !== undefined && {
      periods: stat.nr_periods,
      throttled: stat.nr_throttled ?? 0,
      throttledTime: ms('throttled_usec'),
    }),
  };
}

/** Usage is cpuacct's, throttling cpu's, which may be mounted apart. In ns. */
async function cpuV1(group: Group): Promise<Partial<NonNullable<CgroupStats['cpu']>>> {
  const [accounted, limited] = [group.legacy('cpuacct'), group.legacy('cpu')];
  const usage =
    accounted &&
    (await readFiles(accounted.directory, ['cpuacct.usage', 'cpuacct.usage_user', 'cpuacct.usage_sys']));
  const stat = limited && keyed((await readFiles(limited.directory, ['cpu.stat']))['cpu.stat']);
  const ms = (nanoseconds: string | number | undefined) => Number(nanoseconds ?? 0) / 1e6;
  return {
    ...(usage?.['cpuacct.usage'] !== undefined && {
      usage: ms(usage['cpuacct.usage']),
      user: ms(usage['cpuacct.usage_user']),
      system: ms(usage['cpuacct.usage_sys']),
    }),
    ...(stat?.nr_periods !== undefined && {
      periods: stat.nr_periods,
      throttled: stat.nr_throttled ?? 0,
      throttledTime: ms(stat.throttled_time),
    }),
  };
}

function memoryV2(told: Told<(typeof V2)[number]>): CgroupStats['memory'] {
  const [stat, events] = [keyed(told['memory.stat']), keyed(told['memory.events'])];
  return {
    usage: number(told['memory.current']),
    ...optional('peak', told['memory.peak']),
    ...optional('swap', told['memory.swap.current']),
    anonymous: stat.anon ?? 0,
    file: stat.file ?? 0,
    maxEvents: events.max ?? 0,
    oom: events.oom ?? 0,
    oomKill: events.oom_kill ?? 0,
  };
}

async function memoryV1(group: Group): Promise<CgroupStats['memory']> {
  const part = group.legacy('memory');
  if (!part) return undefined;
  const told = await readFiles(part.directory, [
    'memory.usage_in_bytes',
    'memory.max_usage_in_bytes',
    'memory.memsw.usage_in_bytes',
    'memory.stat',
    'memory.failcnt',
    'memory.oom_control',
  ]);
  if (told['memory.usage_in_bytes'] === undefined) return undefined;
  const stat = keyed(told['memory.stat']);
  return {
    usage: number(told['memory.usage_in_bytes']),
    ...optional('peak', told['memory.max_usage_in_bytes']),
    ...(told['memory.memsw.usage_in_bytes'] !== undefined && { swap: stat.total_swap ?? 0 }),
    anonymous: stat.total_rss ?? 0,
    file: stat.total_cache ?? 0,
    maxEvents: number(told['memory.failcnt']),
    oomKill: keyed(told['memory.oom_control']).oom_kill ?? 0,
  };
}

function pidsOf(told: Told<'pids.current' | 'pids.peak' | 'pids.events'>): CgroupStats['pids'] {
  if (told['pids.current'] === undefined) return undefined;
  return {
    current: number(told['pids.current']),
    ...optional('peak', told['pids.peak']),
    maxEvents: keyed(told['pids.events']).max ?? 0,
  };
}

async function pidsV1(group: Group): Promise<CgroupStats['pids']> {
  const part = group.legacy('pids');
  return part && pidsOf(await readFiles(part.directory, ['pids.current', 'pids.peak', 'pids.events']));
}

const IO_V2 = { readBytes: 'rbytes', writeBytes: 'wbytes', readOps: 'rios', writeOps: 'wios' } as const;

/** '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0' */
function ioV2(text: string): Record<string, IoStats> {
  const devices: Record<string, IoStats> = {};
  for (const line of text.split('\n')) {
    const [device = '', ...words] = line.trim().split(' ');
    if (!device.includes(':') || words.length === 0) continue;
    const values = new Map(words.map((word) => word.split('=') as [string, string]));
    const of = (key: keyof typeof IO_V2) => number(values.get(IO_V2[key]));
    devices[device] = {
      readBytes: of('readBytes'),
      writeBytes: of('writeBytes'),
      readOps: of('readOps'),
      writeOps: of('writeOps'),
    };
  }
  return devices;
}

/** '8:0 Read 4096', and so on. */
async function ioV1(group: Group): Promise<CgroupStats['io']> {
  const part = group.legacy('blkio');
  if (!part) return undefined;
  const [bytes, operations] = ['blkio.throttle.io_service_bytes', 'blkio.throttle.io_serviced'] as const;
  const told = await readFiles(part.directory, [bytes, operations]);
  if (told[bytes] === undefined) return undefined;
  const devices: Record<string, IoStats> = {};
  for (const [file, unit] of [[bytes, 'Bytes'] as const, [operations, 'Ops'] as const]) {
    for (const line of (told[file] ?? '').split('\n')) {
      const [device = '', kind, value] = line.split(' ');
      if (kind !== 'Read' && kind !== 'Write') continue;
      devices[device] ??= { readBytes: 0, writeBytes: 0, readOps: 0, writeOps: 0 };
      const key = `${kind === 'Read' ? 'read' : 'write'}${unit}` as keyof IoStats;
      (devices[device] as IoStats)[key] = Number(value);
    }
  }
  return { devices };
}
