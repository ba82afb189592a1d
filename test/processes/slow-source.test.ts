// What a process is made of may be on a file system that takes its time.
import { spawn as start } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from 'nsnet';
import { expect, onTestFinished, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';

const SERVER = fileURLToPath(new URL('programs/slow-fuse.py', import.meta.url));

test.runIf(privileged && existsSync('/dev/fuse'))(
  'the event loop goes on while a source of a container’s root is looked up',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nsnet-slow-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    mkdirSync(join(directory, 'slow'));
    mkdirSync(join(directory, 'base'));
    writeFileSync(join(directory, 'base/file'), 'of the base');
    // It gives up by itself, so that a stopped event loop is no deadlock but an error.
    const seconds = `${patience(5000) / 1000}`;
    const server = start('python3', [SERVER, join(directory, 'slow'), seconds], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(server, 'exit');
    onTestFinished(async () => {
      server.stdin.end();
      await ended;
    });
    const says = createInterface(server.stdout)[Symbol.asyncIterator]();
    expect((await says.next()).value).toBe('mounted');
    const system = ['usr', 'bin', 'lib', 'lib64'].filter((name) => existsSync(`/${name}`));
    const running = run('stat', ['-c', '%s', '/file'], {
      namespaces: { mnt: 'new', pid: 'new' },
      root: {
        base: join(directory, 'base'),
        mounts: [
          ...system.map((name) => ({ source: `/${name}`, target: `/${name}` })),
          { source: join(directory, 'slow/file'), target: '/file' },
        ],
      },
      env: { PATH: '/usr/bin:/bin' },
    });
    expect((await says.next()).value).toBe('holding');
    server.stdin.write('go\n');
    expect((await running).stdout).toBe('0\n');
  },
  patience(20_000),
);
