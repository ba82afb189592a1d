// What works through the path of a detached mount, and what does not: docs/mounts.md says so.
import { execFile } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { MountNamespace, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
let mount: Tmpfs;
let at: (...names: string[]) => string;
beforeEach(async () => {
  space = workspace();
  mount = await Tmpfs.create();
  at = (...names) => join(mount.path, ...names);
  mkdirSync(at('etc'));
  writeFileSync(at('etc/hostname'), 'inside');
  writeFileSync(at('module.mjs'), 'export default 1;');
  writeFileSync(at('module.cjs'), 'module.exports = 1;');
  symlinkSync('etc/hostname', at('link'));
});
afterEach(async () => {
  await mount.close();
  space[Symbol.dispose]();
});

/** In a process of its own: vitest has its own import(), and threads have no working directory. */
async function printed(script: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    script,
    ...args,
  ]);
  return stdout;
}

describe('works', () => {
  test('reading, writing, links in it, renaming, removing', () => {
    expect(readFileSync(at('etc/hostname'), 'utf8')).toBe('inside');
    expect(readFileSync(at('link'), 'utf8')).toBe('inside');
    renameSync(at('etc/hostname'), at('etc/name'));
    mkdirSync(at('a/b/c'), { recursive: true });
    rmSync(at('a'), { recursive: true });
    expect(readdirSync(mount.path, { recursive: true }).sort()).toEqual([
      'etc',
      'etc/name',
      'link',
      'module.cjs',
      'module.mjs',
    ]);
  });

  test('.. of its root is its root', () => {
    expect(readdirSync(`${mount.path}..`)).toEqual(readdirSync(mount.path));
  });

  test('in a Worker', async () => {
    const worker = new Worker(
      "const { parentPort, workerData } = require('worker_threads'); parentPort.postMessage(require('fs').readFileSync(workerData, 'utf8'))",
      { eval: true, workerData: at('etc/hostname') },
    );
    expect(await new Promise((heard) => worker.once('message', heard))).toBe('inside');
    await worker.terminate();
  });

  test('in programs of the same user, also as their working directory', async () => {
    expect(await run('cat', [at('etc/hostname')])).toBe('inside');
    const { stdout } = await promisify(execFile)('cat', ['etc/hostname'], { cwd: mount.path });
    expect(stdout).toBe('inside');
  });

  test('in any program, by a descriptor handed down to it', async () => {
    expect(await run('cat', ['/proc/self/fd/3/etc/hostname'], [mount.fd])).toBe('inside');
  });

  test('copying, with the slash that the path ends in; links relative to it need verbatimSymlinks', () => {
    cpSync(mount.path, space.at('copy'), { recursive: true, verbatimSymlinks: true });
    expect(readFileSync(space.at('copy/link'), 'utf8')).toBe('inside');
    cpSync(space.at('copy/etc'), mount.path, { recursive: true });
    expect(readFileSync(at('hostname'), 'utf8')).toBe('inside');
  });
});

describe('does not', () => {
  test('realpath: what it says is a path in this process’s own root', async () => {
    expect(realpathSync(mount.path)).toBe('/');
    expect(realpathSync.native(at('etc'))).toBe('/etc');
    expect(() => realpathSync(at('module.mjs'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(readlinkSync(resolve(mount.path))).toBe('/');
  });

  test('import() and require(), which ask for it', async () => {
    const failed = { stderr: expect.stringMatching(/ENOENT.* '\/module\.mjs'/) };
    await expect(printed('await import(process.argv[1])', at('module.mjs'))).rejects.toMatchObject(failed);
    expect(() => createRequire(import.meta.url)(at('module.cjs'))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/ENOENT|MODULE_NOT_FOUND/) }),
    );
  });

  test('process.cwd()', async () => {
    const script =
      'process.chdir(process.argv[1]); try { process.cwd() } catch ({ code }) { console.log(code) }';
    expect(await printed(script, mount.path)).toBe('ENOENT\n');
  });

  test('without its slash, cp copies the descriptor’s link, which leads to /', () => {
    cpSync(resolve(mount.path), space.at('copy'), { recursive: true });
    expect(lstatSync(space.at('copy')).isSymbolicLink()).toBe(true);
    expect(readlinkSync(space.at('copy'))).toBe('/');
    expect(() => cpSync(space.path, resolve(mount.path), { recursive: true })).toThrow(
      expect.objectContaining({ code: 'ERR_FS_CP_DIR_TO_NON_DIR' }),
    );
    rmSync(space.at('copy'));
  });

  test('without verbatimSymlinks, relative links lead elsewhere in a copy', () => {
    cpSync(mount.path, space.at('copy'), { recursive: true });
    expect(readlinkSync(space.at('copy/link'))).toMatch(/^(\/proc\/\d+\/fd\/\d+)?\/etc\/hostname$/);
  });

  test('absolute links in it lead out of it, to this process’s own root', () => {
    symlinkSync('/proc/self/comm', at('absolute'));
    expect(readFileSync(at('absolute'))).toEqual(readFileSync('/proc/self/comm'));
  });

  test('/proc/self in another process', async () => {
    await expect(run('cat', [`/proc/self/fd/${mount.fd}/etc/hostname`])).rejects.toThrow('No such file');
  });
});

test('what needs a true path has one where it is attached, in a mount namespace of its own too', async () => {
  space.fill({ target: null });
  await using namespace = await MountNamespace.create();
  await using owner = await namespace.owner();
  await namespace.attach(mount, space.at('target'));
  const enter = [
    '--mount=/proc/self/fd/3',
    ...(privileged ? [] : ['--user=/proc/self/fd/4', '--preserve-credentials']),
  ];
  const real = await run(
    'nsenter',
    [...enter, 'realpath', space.at('target/etc/hostname')],
    [namespace.fd, owner.fd],
  );
  expect(real.trim()).toBe(space.at('target/etc/hostname'));
});
