import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Cgroup, Netns, NsnetError, run, spawn } from 'nsnet';

const MEGABYTE = 1 << 20;

export const rows = {
  '`run()` in new namespaces': async () => {
    const script = 'echo "$$ $(hostname) $(id -u)"; cat; echo bad >&2; exit 3';
    const { stdout, stderr, code } = await run('sh', ['-c', script], {
      namespaces: { user: 'new', pid: 'new', mnt: 'new', net: 'new', uts: 'new', ipc: 'new' },
      hostname: 'inside',
      input: 'input\n',
      reject: false,
    });
    assert.deepEqual({ stdout, stderr, code }, { stdout: '1 inside 0\ninput\n', stderr: 'bad\n', code: 3 });
  },
  '`spawn()` in a `Netns`': async () => {
    const netns = await Netns.create();
    const child = await spawn('cat', ['/proc/net/dev'], { namespaces: { net: netns } });
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    assert.deepEqual(await child.exited, { code: 0, signal: null });
    assert.equal(text.trim().split('\n').length, 3);
    await child.close();
    await netns.close();
  },
  '`spawn()`: pipes both ways, with back-pressure': async () => {
    const child = await spawn('cat');
    let bytes = 0;
    child.stdout.on('data', (chunk) => {
      bytes += chunk.length;
    });
    const ended = once(child.stdout, 'end');
    for (let i = 0; i < 20; i++) {
      if (!child.stdin.write(Buffer.alloc(MEGABYTE, i))) await once(child.stdin, 'drain');
    }
    child.stdin.end();
    await Promise.all([ended, child.exited]);
    assert.equal(bytes, 20 * MEGABYTE);
    await child.close();
  },
  '`spawn()`: kill, a reader that goes, a program that cannot be started': async () => {
    const sleeper = await spawn('sleep', ['1000'], { stdio: 'ignore' });
    assert.equal(sleeper.kill('SIGTERM'), true);
    assert.deepEqual(await sleeper.exited, { code: null, signal: 'SIGTERM' });
    const endless = await spawn('yes', [], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(endless.stdout, 'data');
    endless.stdout.destroy();
    assert.equal((await endless.exited).code !== 0, true);
    const deaf = await spawn('true');
    const error = once(deaf.stdin, 'error');
    await deaf.exited;
    deaf.stdin.write(Buffer.alloc(MEGABYTE));
    assert.equal((await error)[0].code, 'EPIPE');
    for (const each of [sleeper, endless, deaf]) await each.close();
    await assert.rejects(spawn('/no/such/program'), { code: 'ENOENT' });
  },
  '`spawn()`: a terminal': async () => {
    const child = await spawn('sh', ['-c', 'stty size; read line; echo "it was $line"'], {
      terminal: { columns: 90, rows: 20 },
    });
    let text = '';
    child.terminal.on('data', (chunk) => {
      text += chunk;
    });
    const ended = once(child.terminal, 'end');
    child.terminal.write('text\n');
    await Promise.all([ended, child.exited]);
    assert.match(text, /20 90/);
    assert.match(text, /it was text/);
    await child.close();
  },
  // Where this process may make none, that it is told so, with the cure: nothing that a runtime could change.
  '`Cgroup`, or the cure where none can be made': async () => {
    try {
      const group = await Cgroup.create(`runtimes-${process.pid}`);
      const child = await spawn('sleep', ['1000'], { stdio: 'ignore', cgroup: group });
      await group.stats();
      await group.close();
      assert.equal((await child.exited).signal, 'SIGKILL');
      await child.close();
    } catch (error) {
      assert.ok(error instanceof NsnetError, error);
      assert.match(error.code, /^(EACCES|EPERM|EROFS)$/);
      assert.ok(error.hint);
    }
  },
};
