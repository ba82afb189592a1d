// Programs in a network namespace: what they see, with ip netns exec as the witness, and what is left of them.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Namespace, Netns, run as runHere, Scope, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Child, patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { runningProcesses } from '../support/processes.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { writeEtc } from './support/etc.js';
import { named } from './support/named.js';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const soon = (check: () => void) => vi.waitFor(check, { timeout: patience(5000), interval: 20 });

let scope: Scope;
let netns: Netns;
const name = named('spawn');

beforeEach(async () => {
  scope = new Scope();
  netns = await scope.use(Netns.create(name));
  await scope.use(Veth.create({ netns, name: 'first' }, { netns, name: 'second' }));
});
afterEach(() => scope[Symbol.asyncDispose]());

const sh = async (script: string, options: object = {}) =>
  (await netns.run('sh', ['-c', script], options)).stdout;
const links = 'ls -x /sys/class/net';
// A file that the driver of bonds has there.
const words = (text: string) =>
  text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== 'bonding_masters');
const ours = ['first', 'lo', 'second'];
const hostMounts = () => readFileSync('/proc/self/mountinfo', 'utf8');

describe.runIf(privileged)('as ip netns exec', () => {
  // Without what differs between any two mount namespaces: the mounts' and devices' numbers.
  const script = `${links}; cat /etc/resolv.conf /etc/hosts /etc/issue; ls /etc/alternatives
    sed -nE 's/^[0-9]+ [0-9]+ [0-9]+:[0-9]+ (.* (\\/sys|\\/etc)[^ ]* .*)/\\1/p' /proc/self/mountinfo | sort
    ls -a /sys/fs/cgroup; id; readlink /proc/self/ns/net`;

  test('the same devices, files and mounts', async () => {
    const directory = writeEtc(name, {
      'resolv.conf': 'nameserver 192.0.2.53\n',
      hosts: '192.0.2.1 of-this-test\n',
      'nowhere-in-etc': '',
    });
    // It follows links, and takes directories.
    symlinkSync('hosts', `${directory}/issue`);
    mkdirSync(`${directory}/alternatives`);
    symlinkSync('missing', `${directory}/hostname`);
    const left = ['hostname', 'nowhere-in-etc'];
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const before = hostMounts();
    const [seen, expected] = [await sh(script), await run('ip', ['netns', 'exec', name, 'sh', '-c', script])];
    expect(seen).toBe(expected);
    expect(seen).toContain('nameserver 192.0.2.53');
    expect(hostMounts()).toBe(before);
    await sh('true');
    // Once for each that has no counterpart.
    const text = (one: string) =>
      `${directory}/${one} is not seen as /etc/${one}: one of them is missing, or only one is a directory`;
    expect(warned.mock.calls.map(([said]) => said).sort()).toEqual(left.map(text));
    warned.mockRestore();
  });

  test('what may not be read is not taken for missing', async () => {
    const directory = writeEtc(name, {});
    chmodSync(directory, 0o700);
    const [file = '', ...args] = [...node, at('fixtures/run-in.mjs'), name, 'true'];
    const capabilities = ['SYS_ADMIN', 'NET_ADMIN'] as const;
    const { stdout } = await runHere(file, args, { uid: 65534, gid: 65534, capabilities });
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'EACCES', subject: directory });
  });

  test('those of the name that it is pinned by, not of a label', async () => {
    const label = named('label');
    writeEtc(label, { 'resolv.conf': 'nameserver 192.0.2.53\n' });
    const [file = '', ...args] = [...node, at('fixtures/run-in.mjs'), label, 'cat /etc/resolv.conf'];
    const { stdout } = await runHere(file, args, { uid: 65534, gid: 65534, capabilities: [] });
    expect(JSON.parse(stdout).stdout).toBe(readFileSync('/etc/resolv.conf', 'utf8'));
    const [info] = (await Netns.list()).filter((one) => one.name === name);
    for (const forged of [label, `../netns/${label}`]) {
      const opened = await scope.use(Netns.open({ ...info!, name: forged }));
      expect((await opened.run('cat', ['/etc/resolv.conf'])).stdout).toBe(
        readFileSync('/etc/resolv.conf', 'utf8'),
      );
    }
  });

  test('what the machine mounts later is seen, and nothing of the program’s is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nsnet-later-'));
    const shared = `mount -t tmpfs none ${directory} && mount --make-shared ${directory} && mkdir ${directory}/a ${directory}/b`;
    const script = `${shared} && ${[...node, at('fixtures/run-in.mjs')].join(' ')} ${named('later')} '
      mount -t tmpfs none ${directory}/a && grep -c ${directory} /proc/self/mountinfo' && grep -c ${directory} /proc/self/mountinfo`;
    const [told = '', count] = (await run('unshare', ['--mount', 'sh', '-c', script])).trim().split('\n');
    expect([JSON.parse(told).stdout, count]).toEqual(['2\n', '1']);
    rmSync(directory, { recursive: true });
  });
});

describe('its /sys', () => {
  test('shows the links of the namespace, and this process’s stays as it was', async () => {
    const [before, here] = [hostMounts(), await run('ls', ['/sys/class/net'])];
    expect(words(await sh(links))).toEqual(ours);
    expect(hostMounts()).toBe(before);
    expect(await run('ls', ['/sys/class/net'])).toBe(here);
  });

  test.each<[string, object]>([
    ['with a mount namespace that is asked for', { mnt: 'new' }],
    ['in a user and a pid namespace of its own', { user: 'new', pid: 'new', uts: 'new', ipc: 'new' }],
  ])('%s', async (_, namespaces) => {
    const pid = 'pid' in namespaces ? '1' : String(process.pid);
    const [comm, ...seen] = words(await sh(`cat /proc/${pid}/comm; ${links}`, { namespaces }));
    expect(comm).toBe('pid' in namespaces ? 'sh' : readFileSync('/proc/self/comm', 'utf8').trim());
    expect(seen).toEqual(ours);
  });

  test('in a container’s root it is read-only, and files of /etc are the root’s', async () => {
    const base = mkdtempSync(join(tmpdir(), 'nsnet-root-'));
    const mounts = ['/usr', '/bin', '/lib', '/lib64'].map((path) => ({ source: path, target: path }));
    const options = { root: { base, mounts }, namespaces: { pid: 'new' as const, ipc: 'new' as const } };
    const script = `${links}; touch /sys/x 2>/dev/null || echo read-only; ls /etc 2>/dev/null; true`;
    const env = { PATH: '/usr/bin:/bin' };
    expect(words(await sh(script, { ...options, env }))).toEqual([...ours, 'read-only']);
    const namespaces = { ...options.namespaces, net: netns };
    const { stdout } = await runHere('sh', ['-c', script], { ...options, namespaces, env });
    expect(words(stdout)).toEqual([...ours, 'read-only']);
    rmSync(base, { recursive: true });
  });

  test('in mounts of others, or a plain root, nothing is mounted', async () => {
    const count = "grep -c ' /sys ' /proc/self/mountinfo";
    const { stdout: here } = await runHere('sh', ['-c', count]);
    expect(await sh(`${count}; readlink /proc/self/ns/mnt`, { namespaces: { mnt: process.pid } })).toBe(
      `${here}${(await run('readlink', ['/proc/self/ns/mnt'])).trim()}\n`,
    );
    // /sys of a plain root is what it has there.
    expect(await sh(count, { root: '/', namespaces: { pid: 'new' } })).toBe(here);
  });

  /** What an ordinary user's program is told whose /sys was changed by `script`. */
  async function changed(script: string, look: string) {
    const inner = [...node, at('fixtures/run-in.mjs'), 'inner', `'${look}'`].join(' ');
    const own = privileged ? [] : ['--user', '--map-current-user', '--keep-caps'];
    const become = privileged
      ? '--reuid 65534 --regid 65534 --clear-groups'
      : '--ambient-caps -all --inh-caps -all --bounding-set -all';
    const all = `${script} && exec setpriv ${become} ${inner}`;
    return JSON.parse(await run('unshare', [...own, '--mount', 'sh', '-c', all]));
  }

  test('where another is forbidden, that is said, and what to do', async () => {
    // As container engines do it, who hide /sys/firmware.
    const mask = `for at in $(awk '$3 == "sysfs" { print $2 }' /proc/self/mounts); do mount -t tmpfs none $at/kernel; done`;
    const { error } = await changed(mask, 'true');
    expect(error).toMatchObject({ code: 'EPERM', subject: '/sys' });
    expect(error.hint).toContain('namespaces: { net: netns }');
  });

  test('where it is read-only and notes no times of access, so is the other', async () => {
    // Times of access can be changed only where they are not locked: not by an ordinary user.
    const flags = privileged ? 'ro,noatime' : 'ro';
    const look = 'ls /sys/class/net; grep " /sys " /proc/self/mounts';
    const { stdout } = await changed(`mount -o remount,bind,${flags} /sys`, look);
    const seen = stdout.trim().split('\n');
    expect(seen).toContain('lo');
    expect(seen.at(-1)).toMatch(new RegExp(`^inner /sys sysfs ${flags}[, ]`));
  });
});

test('of this process’s own namespace, too', async () => {
  await using current = await Netns.current();
  const { stdout } = await current.run('sh', ['-c', 'readlink /proc/self/ns/net; cat /etc/resolv.conf']);
  expect(stdout).toBe(
    `${(await run('readlink', ['/proc/self/ns/net'])).trim()}\n${readFileSync('/etc/resolv.conf', 'utf8')}`,
  );
});

test.skipIf(privileged)('it runs in a user namespace nested in the one that owns the network', async () => {
  await using owner = await netns.owner();
  const [user, ...said] = (
    await sh('readlink /proc/self/ns/user; ip link set first up 2>&1; id -u', { reject: false })
  )
    .trim()
    .split('\n');
  expect(user).not.toBe(`user:[${owner.id}]`);
  expect(said).toEqual([expect.stringContaining('Operation not permitted'), '0']);
});

test('it may mount, and nobody sees it', async () => {
  const before = hostMounts();
  expect(await sh('mount -t tmpfs none /mnt && stat -f -c %T /mnt')).toBe('tmpfs\n');
  expect(hostMounts()).toBe(before);
});

test('a server in one namespace is reached from another', async () => {
  const other = await scope.use(Netns.create());
  const options = { up: true };
  await scope.use(
    Veth.create(
      { netns, name: 'here', addresses: ['10.77.0.1/24'], ...options },
      { netns: other, name: 'there', addresses: ['10.77.0.2/24'], ...options },
    ),
  );
  const [file = '', ...args] = node;
  const server = `require('http').createServer((q, r) => r.end(require('os').networkInterfaces().here[0].address)).listen(8080, '10.77.0.1', () => console.log('ready'))`;
  await using started = await netns.spawn(file, [...args, '-e', server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => started.stdout!.once('data', resolve));
  const client = `fetch('http://10.77.0.1:8080').then((r) => r.text()).then(console.log)`;
  expect((await other.run(file, [...args, '-e', client])).stdout).toBe('10.77.0.1\n');
});

test('many at once, each in its own', async () => {
  const count = scaled(20, 4);
  const all = await Promise.all(Array.from({ length: count }, () => scope.use(Netns.create())));
  await Promise.all(
    all.map((one, i) => scope.use(Veth.create({ netns: one, name: `a${i}` }, { netns: one, name: `b${i}` }))),
  );
  const seen = await Promise.all(all.map((one) => one.run('ls', ['/sys/class/net'])));
  expect(seen.map(({ stdout }) => words(stdout))).toEqual(all.map((_, i) => [`a${i}`, `b${i}`, 'lo']));
});

describe('run() and spawn() otherwise', () => {
  test('input, output and failure', async () => {
    expect(await sh('cat', { input: 'given' })).toBe('given');
    await expect(sh('echo said; exit 3')).rejects.toMatchObject({
      code: 'ERR_NSNET_EXIT',
      exit: { code: 3 },
      stdout: 'said\n',
    });
    await expect(netns.run('/no/such/program')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'execve' });
  });

  test('they need no object before them', async () => {
    const { spawn, run } = netns;
    expect(words((await run('ls', ['/sys/class/net'])).stdout)).toEqual(ours);
    await using started = await spawn('true', [], { stdio: 'ignore' });
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  test('aborted before, while and after it is started', async () => {
    await expect(netns.spawn('true', [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    for (let i = 0; i < scaled(10, 2); i++) {
      const controller = new AbortController();
      const starting = netns.run('sleep', ['60'], { signal: controller.signal });
      setTimeout(() => controller.abort(), i);
      await expect(starting).rejects.toMatchObject({ name: 'AbortError' });
    }
    const controller = new AbortController();
    await using started = await netns.spawn('sleep', ['60'], { signal: controller.signal, stdio: 'ignore' });
    controller.abort();
    expect(await started.exited).toMatchObject({ signal: 'SIGKILL', reason: 'aborted' });
  });

  test('what is changed meanwhile is of no account', async () => {
    const namespaces: Record<string, 'new' | undefined> = { uts: 'new' };
    const env: Record<string, string> = { ...(process.env as Record<string, string>), WHAT: 'before' };
    const running = netns.run('sh', ['-c', 'hostname; echo $WHAT'], { namespaces, env, hostname: 'box' });
    delete namespaces.uts;
    env.WHAT = 'after';
    expect((await running).stdout).toBe('box\nbefore\n');
  });

  test('close() waits for what is being started, which lives on', async () => {
    const closing = await Netns.create();
    const starting = closing.spawn('sleep', ['60'], { stdio: 'ignore' });
    await closing.close();
    await using started = await starting;
    await using seen = await Namespace.ofProcess(started, 'net');
    expect(seen.id).toBe(closing.id);
    await expect(closing.spawn('true')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await expect(closing.run('true')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('detached, it outlives its maker’s interest', async () => {
    const started = await netns.spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
    const { pid } = started.unref();
    await started.release().close();
    await using seen = await Namespace.ofProcess(pid, 'net');
    expect(seen.id).toBe(netns.id);
    process.kill(pid);
  });

  test.each<[string, unknown, object]>([
    ['options', 1, { code: 'ERR_INVALID_ARG_TYPE' }],
    ['options', null, { code: 'ERR_INVALID_ARG_TYPE' }],
    ['an unknown option', { shell: true }, { code: 'ERR_INVALID_ARG_VALUE' }],
    ['a network namespace beside it', { namespaces: { net: 'new' } }, { code: 'ERR_INVALID_ARG_VALUE' }],
    ['all namespaces of a process', { namespaces: process.pid }, { code: 'ERR_INVALID_ARG_VALUE' }],
    ['namespaces', { namespaces: 'new' }, { code: 'ERR_INVALID_ARG_TYPE' }],
    ['an unknown namespace', { namespaces: { mount: 'new' } }, { code: 'ERR_INVALID_ARG_VALUE' }],
    [
      'a root in others’ mounts',
      { root: '/', namespaces: { mnt: process.pid } },
      { code: 'ERR_INVALID_ARG_VALUE' },
    ],
    ['another option of spawn()', { umask: 0o1000 }, { code: 'ERR_OUT_OF_RANGE' }],
  ])('%s is refused', async (_, options, error) => {
    await expect(netns.spawn('true', [], options as object)).rejects.toMatchObject(error);
    await expect(netns.run('true', [], options as object)).rejects.toMatchObject(error);
  });

  test('bad programs and arguments are refused', async () => {
    await expect(netns.spawn('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(netns.spawn('true', 'x' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

test('of a program that is killed at any moment nothing is left', async () => {
  const seconds = `100${process.pid}.77`;
  const before = hostMounts();
  for (let i = 0; i < scaled(10, 2); i++) {
    const [file = '', ...args] = [...node, at('fixtures/spawner.mjs'), seconds];
    const child = new Child(file, args);
    expect(await child.next<number>()).toBeGreaterThan(0);
    await sleep(Math.random() * 50);
    await child.kill();
  }
  await soon(() => {
    const all = runningProcesses();
    expect(all.filter(({ command }) => command.includes(seconds))).toEqual([]);
    expect(all.filter(({ command, parent }) => command.startsWith('nsnet-stub') && parent === 1)).toEqual([]);
  });
  expect(hostMounts()).toBe(before);
});
