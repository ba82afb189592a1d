// @kernels
// A program that is started, without and with namespaces of its own.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { Namespace, type NamespaceType, Netns, run, spawn } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';

const TYPES: NamespaceType[] = ['net', 'mnt', 'pid', 'ipc', 'uts', 'user', 'cgroup'];
const ownId = (type: NamespaceType) => readlinkSync(`/proc/self/ns/${type}`);

/** The namespaces that a program started with these options says it is in. */
async function seen(namespaces: Parameters<typeof spawn>[2] & object): Promise<Record<string, string>> {
  const { stdout } = await run(
    'sh',
    ['-c', 'cd /proc/self/ns; for n in *; do echo $n $(readlink $n); done'],
    namespaces,
  );
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  );
}

describe('as a child process', () => {
  test('what it writes, and how it ended', async () => {
    const { stdout, stderr, code, signal } = await run('sh', ['-c', 'echo out; echo err >&2']);
    expect({ stdout, stderr, code, signal }).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      code: 0,
      signal: null,
    });
  });

  test('what it reads', async () => {
    expect((await run('cat', [], { input: 'in' })).stdout).toBe('in');
    expect((await run('cat')).stdout).toBe('');
  });

  test('its exit code, or the signal that ended it', async () => {
    expect(await run('sh', ['-c', 'exit 3'], { reject: false })).toMatchObject({ code: 3, signal: null });
    expect(await run('sh', ['-c', 'kill -TERM $$'], { reject: false })).toMatchObject({
      code: null,
      signal: 'SIGTERM',
    });
    const error = await run('sh', ['-c', 'echo why >&2; exit 3']).catch((failure) => failure);
    expect(error).toMatchObject({ code: 'ERR_NSNET_EXIT', exit: { code: 3 }, stderr: 'why\n' });
    expect(error.message).toContain('why');
  });

  test('its environment and arguments, to the letter', async () => {
    const words = ['a b', '', '"', '$x', 'ü', '\n'];
    const { stdout } = await run('sh', ['-c', 'printf "%s\\0" "$@"', 'sh', ...words], {
      env: { PATH: process.env.PATH },
    });
    expect(stdout.split('\0').slice(0, -1)).toEqual(words);
    expect((await run('/usr/bin/env', [], { env: { A: 'b=c', B: undefined } })).stdout).toBe('A=b=c\n');
  });

  test('its working directory', async () => {
    expect((await run('pwd', [], { cwd: '/usr' })).stdout).toBe('/usr\n');
  });

  test('a signal that is sent, and one after its end', async () => {
    await using started = await spawn('sleep', ['1000'], { stdio: 'ignore' });
    expect(started.kill(0)).toBe(true);
    expect(started.kill('SIGUSR1')).toBe(true);
    expect(await started.exited).toEqual({ code: null, signal: 'SIGUSR1' });
    expect(started.kill()).toBe(false);
  });

  test('no signal is blocked or ignored in it, whatever Node does', async () => {
    const status = (await run('grep', ['Sig', '/proc/self/status'])).stdout;
    for (const name of ['SigBlk', 'SigIgn']) expect(status).toContain(`${name}:\t0000000000000000`);
  });

  test('of this process it has the descriptors that it was given, and no others', async () => {
    const { stdout } = await run('ls', ['/proc/self/fd']);
    // The last is the directory that ls reads.
    expect(stdout.trim().split('\n')).toEqual(['0', '1', '2', '3']);
  });

  test('more than three descriptors', async () => {
    await using started = await spawn('sh', ['-c', 'echo three >&3; cat <&4'], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'ignore'],
    });
    const chunks: Buffer[] = [];
    for await (const chunk of started.stdio[3] as NodeJS.ReadableStream) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('three\n');
    expect(await started.exited).toMatchObject({ code: 0 });
  });

  test('close() kills it', async () => {
    const started = await spawn('sleep', ['1000'], { stdio: 'ignore' });
    await started.close();
    expect(await started.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(() => started.kill()).toThrow(expect.objectContaining({ code: 'ERR_NSNET_CLOSED' }));
  });

  test('one that writes more than may be kept is killed', async () => {
    const { reason, stdout } = await run('yes', [], { maxBuffer: 1000, reject: false });
    expect(reason).toBe('maxBuffer');
    expect(stdout).toHaveLength(1000);
  });
});

test('what the caller changes afterwards is of no account', async () => {
  const args = ['-c', 'echo $ONE $TWO'];
  const env: Record<string, string> = { ...process.env, ONE: 'one' } as Record<string, string>;
  process.env.TWO = 'two';
  const running = [run('sh', args, { env }), run('sh', args)];
  args[1] = 'echo changed';
  env.ONE = 'changed';
  delete process.env.TWO;
  expect((await Promise.all(running)).map(({ stdout }) => stdout)).toEqual(['one\n', 'two\n']);
});

test('a limit of no descriptors is no hindrance to its start', async () => {
  const { stdout } = await run('/bin/sh', ['-c', 'ulimit -n'], { rlimits: { nofile: 3 } }).catch(
    ({ stdout, stderr }) => ({ stdout: stdout + stderr }),
  );
  // Its own loader may need more.
  expect(stdout).not.toBe('');
});

describe('an abort', () => {
  test('before', async () => {
    await expect(spawn('true', [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  test('while it runs: by the signal that is asked for', async () => {
    const controller = new AbortController();
    await using started = await spawn('sleep', ['1000'], {
      stdio: 'ignore',
      signal: controller.signal,
      killSignal: 'SIGTERM',
    });
    controller.abort();
    expect(await started.exited).toEqual({ code: null, signal: 'SIGTERM', reason: 'aborted' });
  });

  test('of run(): an AbortError with what there was, whoever else holds its output', async () => {
    const signal = AbortSignal.timeout(patience(500));
    const namespaces = { pid: 'new', user: 'new' } as const;
    const error = await run('sh', ['-c', 'echo begun; sleep 1000; true'], { signal, namespaces }).catch(
      (failure) => failure,
    );
    expect(error).toMatchObject({ name: 'AbortError', stdout: 'begun\n', exit: { signal: 'SIGKILL' } });
  });

  test('of run(): whatever the program makes of the signal', async () => {
    const script = 'trap "exit 0" TERM; sleep 1000 & echo begun; wait';
    const controller = new AbortController();
    const namespaces = { user: 'new', pid: 'new' } as const;
    const options = { signal: controller.signal, killSignal: 'SIGTERM', namespaces } as const;
    const running = run('sh', ['-c', script], options).catch((failure) => failure);
    await new Promise((resolve) => setTimeout(resolve, patience(500)));
    controller.abort();
    const error = await running;
    expect(error).toMatchObject({ name: 'AbortError', exit: { code: 0, reason: 'aborted' } });
    expect(error.stdout).toBe('begun\n');
  });

  test('of run() before its start: the same error, with nothing in it; or no error at all', async () => {
    const signal = AbortSignal.abort();
    const nothing = { stdout: '', stderr: '', reason: 'aborted' };
    const exit = { code: null, signal: null, reason: 'aborted' };
    await expect(run('true', [], { signal })).rejects.toMatchObject({ name: 'AbortError', exit, ...nothing });
    expect(await run('true', [], { signal, reject: false })).toEqual({ ...exit, ...nothing });
  });

  test('after its end: nothing', async () => {
    const controller = new AbortController();
    await using started = await spawn('true', [], { stdio: 'ignore', signal: controller.signal });
    await started.exited;
    controller.abort();
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });
});

describe('a failure names the step', () => {
  const rejection = (file: string, options: object = {}) =>
    spawn(file, [], { stdio: 'ignore', ...options }).catch((error) => error);

  test('no such program', async () => {
    expect(await rejection('no-such-program', { env: { PATH: '/usr/bin:/bin' } })).toMatchObject({
      code: 'ENOENT',
      syscall: 'execve',
      subject: 'no-such-program',
      hint: expect.stringContaining('PATH'),
    });
  });

  test('one that may not be executed', async () => {
    expect(await rejection('/proc/self/status')).toMatchObject({ code: 'EACCES', syscall: 'execve' });
  });

  test('no such working directory', async () => {
    expect(await rejection('true', { cwd: '/no/such' })).toMatchObject({
      code: 'ENOENT',
      syscall: 'chdir',
      subject: '/no/such',
    });
  });

  test('a root that is none', async () => {
    const namespaces = { mnt: 'new' };
    expect(await rejection('true', { root: '/no/such', namespaces })).toMatchObject({
      code: 'ENOENT',
      syscall: 'openat',
    });
  });

  test.runIf(!privileged)('ids that may not be mapped', async () => {
    const map = [{ inside: 0, outside: 100_000, count: 2 }];
    const error = await rejection('true', { namespaces: { user: 'new' }, uidMap: map, gidMap: map });
    expect(error).toMatchObject({ code: expect.stringMatching(/EPERM|EACCES/) });
  });
});

describe('namespaces of its own', () => {
  test('all that are asked for are new, all others this process’s', async () => {
    const namespaces = Object.fromEntries(TYPES.map((type) => [type, 'new']));
    const all = await seen({ namespaces });
    for (const type of TYPES) expect(all[type]).not.toBe(ownId(type));
    const one = await seen({ namespaces: { uts: 'new', user: 'new' } });
    for (const type of TYPES)
      if (type === 'uts' || type === 'user') expect(one[type]).not.toBe(ownId(type));
      else expect(one[type]).toBe(ownId(type));
  });

  test('ps sees it as the first, and nobody else', async () => {
    const { stdout } = await run('ps', ['-e', '-o', 'pid=,comm='], {
      namespaces: { pid: 'new', mnt: 'new', user: 'new' },
    });
    expect(stdout.trim()).toMatch(/^1 ps$/);
  });

  test('with an init, that is the first and reaps what is left over', async () => {
    const script = '(sleep 0.1 &) ; sleep 0.5; ps -e -o stat= | grep -c Z; echo $$';
    const { stdout } = await run('sh', ['-c', script], {
      namespaces: { pid: 'new', mnt: 'new', user: 'new' },
      init: true,
    });
    expect(stdout).toBe('0\n2\n');
  });

  test('an init passes signals on, and tells how the program ended', async () => {
    const options = { namespaces: { pid: 'new', user: 'new' }, init: true } as const;
    await using started = await spawn(
      'sh',
      ['-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'],
      options,
    );
    await new Promise((resolve) => started.stdout?.once('data', resolve));
    started.kill('SIGTERM');
    expect(await started.exited).toEqual({ code: 7, signal: null });
    expect(await run('sh', ['-c', 'kill -KILL $$'], { ...options, reject: false })).toMatchObject({
      code: 137,
    });
  });

  test('a hostname that nobody else sees', async () => {
    const { stdout } = await run('cat', ['/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname'], {
      namespaces: { uts: 'new', user: 'new' },
      hostname: 'inside',
      domainname: 'example',
    });
    expect(stdout).toBe('inside\nexample\n');
    expect(hostname()).not.toBe('inside');
  });

  test('clocks that are ahead', async () => {
    const here = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    const uptime = async (timeOffsets: object) => {
      const namespaces = { time: 'new', user: 'new' } as const;
      const { stdout } = await run('cat', ['/proc/uptime'], { namespaces, timeOffsets });
      return Number(stdout.split(' ')[0]) - here;
    };
    const day = 86_400;
    expect(Math.round(await uptime({ boottime: day * 1000, monotonic: 500.5 }))).toBeGreaterThanOrEqual(day);
    expect(await uptime({ boottime: -here * 500 })).toBeLessThan(-here / 4);
    await expect(uptime({ boottime: 'x' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('root inside, this user outside', async () => {
    const { stdout } = await run('sh', ['-c', 'id -u; cat /proc/self/uid_map'], {
      namespaces: { user: 'new' },
    });
    const [id, map] = stdout.trim().split('\n');
    expect(id).toBe('0');
    expect(map?.trim().split(/\s+/)).toEqual(['0', String(process.getuid?.()), '1']);
  });

  test.runIf(privileged)('with a map of ranges', async () => {
    const map = [
      { inside: 0, outside: 100_000, count: 1000 },
      { inside: 2000, outside: 300_000, count: 1 },
    ];
    const { stdout } = await run('sh', ['-c', 'id -u; cat /proc/self/uid_map'], {
      namespaces: { user: 'new' },
      uidMap: map,
      gidMap: map,
    });
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/)),
    ).toEqual([['0'], ['0', '100000', '1000'], ['2000', '300000', '1']]);
  });

  test('what it mounts, it mounts for itself', async () => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    await run('mount', ['-t', 'tmpfs', 'none', '/tmp'], { namespaces: { mnt: 'new', user: 'new' } });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
  });
});

describe('namespaces that are joined', () => {
  test('a network', async () => {
    await using netns = await Netns.create();
    const { stdout } = await run('readlink', ['/proc/self/ns/net'], { namespaces: { net: netns } });
    expect(stdout).toBe(`net:[${netns.id}]\n`);
  });

  test('all of a process, by its pid', async () => {
    await using first = await spawn('sleep', ['1000'], {
      stdio: 'ignore',
      namespaces: { net: 'new', mnt: 'new', pid: 'new', ipc: 'new', uts: 'new', user: 'new', cgroup: 'new' },
    });
    const ids = await seen({ namespaces: first.pid });
    for (const type of TYPES) expect(ids[type]).toBe(readlinkSync(`/proc/${first.pid}/ns/${type}`));
  });

  test('of one that is gone: ESRCH', async () => {
    const started = await spawn('true', [], { stdio: 'ignore' });
    await started.exited;
    await started.close();
    await expect(run('true', [], { namespaces: started.pid })).rejects.toMatchObject({ code: 'ESRCH' });
  });

  test('one that was closed', async () => {
    const netns = await Netns.create();
    await netns.close();
    await expect(run('true', [], { namespaces: { net: netns } })).rejects.toMatchObject({
      code: 'ERR_NSNET_CLOSED',
    });
  });

  test('a process’s namespaces are those it was started in', async () => {
    await using started = await spawn('sleep', ['1000'], {
      stdio: 'ignore',
      namespaces: { net: 'new', user: 'new' },
    });
    await using net = await Namespace.ofProcess(started.pid, 'net');
    await using other = await Namespace.ofProcess(started, 'user');
    const ids = await seen({ namespaces: { user: other, net } as never });
    expect(ids.net).toBe(`net:[${net.id}]`);
    expect(ids.user).toBe(`user:[${other.id}]`);
  });
});

describe('what is in a pid namespace', () => {
  const namespaces = { pid: 'new', mnt: 'new', user: 'new' } as const;

  test.each([false, true])(
    'cannot signal the group of processes that this one is in; with an init: %s',
    async (init) => {
      const { signal } = await run('sh', ['-c', 'kill -9 0'], { namespaces, init, reject: false });
      expect(['SIGKILL', null]).toContain(signal);
    },
  );

  test('finds nothing of this process’s open by way of /proc when it begins', async () => {
    const { stdout } = await run('sh', ['-c', 'ls /proc/self/fd; ls /proc/1/fd'], { namespaces });
    expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['0', '1', '2', '3']));
  });
});

test('the name of a namespace that is this process’s own after all is not changed', async () => {
  const namespaces = { uts: process.pid };
  await expect(run('true', [], { namespaces, hostname: 'changed' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
});

test('a signal of several names', async () => {
  expect(await run('sh', ['-c', 'kill -ABRT $$'], { reject: false })).toMatchObject({ signal: 'SIGABRT' });
});

describe('with a terminal', () => {
  const read = async (stream: NodeJS.ReadableStream | null) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream as NodeJS.ReadableStream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString().replaceAll('\r', '');
  };

  test('it is one, of the size asked for, and controls the session', async () => {
    const script =
      'test -t 0 && test -t 1 && test -t 2 && stty size; ps -o tpgid=,pgid= -p $$; echo said > /dev/tty';
    await using started = await spawn('sh', ['-c', script], { terminal: { columns: 100, rows: 30 } });
    const [size, groups = '', said] = (await read(started.terminal)).trim().split('\n');
    expect(size).toBe('30 100');
    const [front, own] = groups.trim().split(/\s+/);
    expect(front).toBe(own);
    expect(said).toBe('said');
    expect(started.stdout).toBeNull();
  });

  test('what is written it reads; a change of size is told', async () => {
    const script = 'trap "stty size; exit" WINCH; read line; echo "got $line"; while :; do sleep 0.05; done';
    await using started = await spawn('sh', ['-c', script], { terminal: true });
    const { terminal } = started;
    let text = '';
    terminal?.on('data', (chunk) => {
      text += chunk;
      if (text.includes('got it')) terminal.resize(50, 20);
    });
    terminal?.write('it\n');
    await new Promise((resolve) => terminal?.once('end', resolve));
    expect(text).toContain('20 50');
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  test('more than it holds is written while it is read, and the event loop goes on', async () => {
    await using started = await spawn('sh', ['-c', 'stty -echo; echo ready; wc -c'], { terminal: true });
    const { terminal } = started;
    let text = '';
    const ended = new Promise((resolve) =>
      terminal?.on('data', (chunk) => (text += chunk)).once('end', resolve),
    );
    while (!text.includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
    terminal?.end(`${'x'.repeat(99)}\n`.repeat(1000));
    await ended;
    expect(text).toContain('100000');
  });

  test('what nobody reads does not stand in the way of its end', async () => {
    await using started = await spawn('sleep', ['1000'], { terminal: true });
    started.terminal?.write('x\n'.repeat(100_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await started.close();
    expect((await started.exited).signal).toBe('SIGKILL');
  });

  test('its end is the end of a file for what reads it, and it closes with the program', async () => {
    await using started = await spawn('cat', [], { terminal: true });
    const closed = new Promise((resolve) => started.terminal?.once('close', resolve));
    started.terminal?.resume();
    started.terminal?.end('x\n');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    await closed;
  });

  test('its interrupt character interrupts', async () => {
    await using started = await spawn('sleep', ['1000'], { terminal: true });
    started.terminal?.resume();
    started.terminal?.write('\x03');
    expect(await started.exited).toEqual({ code: null, signal: 'SIGINT' });
  });

  test.each([
    { terminal: 1 },
    { terminal: { width: 1 } },
    { terminal: { rows: -1 } },
    { terminal: true, stdio: 'pipe' },
  ])('refused: %j', async (options) => {
    await expect(spawn('true', [], options as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_/),
    });
  });
});
