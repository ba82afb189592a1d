// A mount namespace with a process in it, where a test may mount what it likes: rootless in a user namespace as well.
import { Namespace } from 'nsnet';
import { onTestFinished } from 'vitest';
import { Child } from '../../fixtures/native/child.js';
import { privileged } from '../../support/privileges.js';
import { run } from '../../support/witness.js';

export class Room {
  readonly pid: number;
  readonly namespace: Namespace;

  constructor(pid: number, namespace: Namespace) {
    this.pid = pid;
    this.namespace = namespace;
  }

  /** It ends with the test. /srv is a tmpfs of its own. */
  static async open(...more: string[]): Promise<Room> {
    const own = privileged ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
    // The pid as /proc numbers it, which is not what the process itself would say in a pid namespace.
    const say = "mount -t tmpfs room /srv; cut -d' ' -f4 /proc/self/stat; exec sleep 600";
    const child = new Child('unshare', [...own, ...more, 'sh', '-ec', say]);
    const pid = await child.next<number>();
    const namespace = await Namespace.ofProcess(pid, 'mnt');
    onTestFinished(() => namespace.close());
    return new Room(pid, namespace);
  }

  /** The standard output of a program inside. */
  exec(file: string, ...args: string[]): Promise<string> {
    const user = privileged ? [] : ['--user', '--preserve-credentials'];
    return run('nsenter', ['--target', `${this.pid}`, ...user, '--mount', file, ...args]);
  }

  /** A shell's, which fails with the first command that does. */
  sh(script: string): Promise<string> {
    return this.exec('sh', '-ec', script);
  }
}
