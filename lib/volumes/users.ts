import type { BigIntStats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Fd } from '../syscalls/fd.js';
import type { VolumeUser } from './driver.js';

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** Whether one holds it alone: who makes, fills or removes a volume, and does not use it. */
export interface Holder extends VolumeUser {
  exclusive: boolean;
}

/**
 * Who holds which flock, by /proc/locks (proc_locks(5)), read once. Not seen are processes of other pid namespaces, and
 * descriptors whose process has handed them on and ended.
 */
export class Locks {
  readonly #holders = new Map<string, { pid: number; exclusive: boolean }[]>();
  #device = '';
  #own: bigint | undefined;

  /** `directory` is on the file system in question. */
  static async read(directory: Fd): Promise<Locks> {
    const locks = new Locks();
    const { dev: device } = directory.stat();
    const [held, described, mounts] = await Promise.all([
      read('/proc/locks'),
      read(`/proc/self/fdinfo/${directory.number}`),
      read('/proc/self/mountinfo'),
    ]);
    // Of some file systems (btrfs) fstat(2) tells another device than the one that locks are listed by.
    const [, id] = /^mnt_id:\s*(\d+)/m.exec(described) ?? [];
    const mount = mounts.split('\n').find((line) => line.startsWith(`${id} `));
    locks.#own = device;
    locks.#device = mount?.split(' ')[2] ?? deviceText(device);
    for (const line of held.split('\n')) {
      const [, kind, pid, major, minor, inode] =
        /^\d+: FLOCK +\w+ +(READ|WRITE) +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line) ?? [];
      if (kind === undefined) continue;
      const key = `${Number.parseInt(major as string, 16)}:${Number.parseInt(minor as string, 16)}:${inode}`;
      const list = locks.#holders.get(key) ?? [];
      list.push({ pid: Number(pid), exclusive: kind === 'WRITE' });
      locks.#holders.set(key, list);
    }
    return locks;
  }

  /** Each process once. */
  async of({ dev, ino }: BigIntStats): Promise<Holder[]> {
    const device = dev === this.#own ? this.#device : deviceText(dev);
    const holders = new Map<number, Holder>();
    for (const { pid, exclusive } of this.#holders.get(`${device}:${ino}`) ?? []) {
      if (holders.has(pid)) continue;
      const command = (await read(`/proc/${pid}/comm`)).trimEnd();
      holders.set(pid, { pid, command, exclusive });
    }
    return [...holders.values()];
  }
}

/** As makedev(3) puts them together. */
function deviceText(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** "node (4711) and sh (4712)", for messages. */
export function listed(users: readonly VolumeUser[]): string {
  return users.map(({ pid, command }) => `${command || 'a process'} (${pid})`).join(' and ');
}
