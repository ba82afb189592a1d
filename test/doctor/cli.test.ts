// The command: its arguments, its output, its exit codes.
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { plain, render } from '../../lib/doctor/render.js';
import { cli, diagnosisOf, end } from './support/conditions.js';

const nsnet = (...args: string[]) => end(process.execPath, cli, ...args);

describe('arguments', () => {
  test('--version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const flag of ['--version', '-v']) {
      expect(await nsnet(flag)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  test('--help', async () => {
    const { code, stdout } = await nsnet('--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: nsnet doctor \[--json\]\n/);
    expect((await nsnet('doctor', '-h')).stdout).toBe(stdout);
  });

  test.each([
    [[], 'Expected a command'],
    [['diagnose'], "Expected doctor but received 'diagnose'"],
    [['doctor', 'now'], "Expected doctor but received 'doctor now'"],
    [['doctor', '--jason'], "Unknown option '--jason'"],
  ])('%o is an error of use', async (args, message) => {
    const { code, stdout, stderr } = await nsnet(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: nsnet');
  });
});

describe('doctor', () => {
  test('prints a table without colours where nobody looks, and its exit code is the verdict', async () => {
    const { code, stdout, stderr } = await nsnet('doctor');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(stripVTControlCharacters(stdout));
    expect(stdout).toMatch(/^✔ platform {12}linux /);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^Namespaces, links and ping work here/);
  });

  test('prints colours on a terminal, unless NO_COLOR is set', async () => {
    const script = 'import pty, sys; pty.spawn(sys.argv[1:])';
    const inTerminal = (...set: string[]) =>
      // Node takes the terminal of a CI system for one without colours.
      end(
        'env',
        '-u',
        'CI',
        ...set,
        'TERM=xterm',
        '/usr/bin/python3',
        '-c',
        script,
        process.execPath,
        cli,
        'doctor',
      );
    expect((await inTerminal('-u', 'NO_COLOR')).stdout).toContain('\x1b[32m✔\x1b[39m platform');
    expect((await inTerminal('NO_COLOR=1')).stdout).not.toContain('\x1b[');
  });

  test('says why the add-on could not be loaded, and fails', async () => {
    const { code, stdout } = await end(
      'env',
      'NSNET_BINARY=/nowhere/nsnet.node',
      process.execPath,
      cli,
      'doctor',
    );
    expect(code).toBe(1);
    expect(stdout).toContain('✘ add-on');
    expect(stdout).toContain('/nowhere/nsnet.node: there is no such file');
    expect(stdout).toMatch(/^ +→ ./m);
  });

  test('--json prints what doctor() gives', async () => {
    const { ok, code, of } = await diagnosisOf(process.execPath, cli, 'doctor', '--json');
    expect({ ok, code }).toEqual({ ok: true, code: 0 });
    expect(of('platform')).toMatchObject({ ok: true, found: `linux ${process.arch}` });
  });
});

test('in a clone that is not built it says what to type', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-unbuilt-'));
  try {
    cpSync(fileURLToPath(new URL('../../bin', import.meta.url)), join(directory, 'bin'), { recursive: true });
    copyFileSync(new URL('../../package.json', import.meta.url), join(directory, 'package.json'));
    const { code, stdout, stderr } = await end(process.execPath, join(directory, 'bin/nsnet.js'), 'doctor');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`cd '${directory}' && npm run build`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe('the table', () => {
  const checks = [
    { name: 'kernel', ok: true, found: 'Linux 6.12', required: false },
    { name: 'user namespaces', ok: false, found: 'none', cure: 'first\n  then\n\nlast', required: true },
    { name: 'names', ok: false, found: 'two\nlines', required: false },
  ];

  test('is aligned, with each cure below what it cures', () => {
    expect(render({ ok: false, checks }, plain)).toBe(
      [
        '✔ kernel           Linux 6.12',
        '✘ user namespaces  none',
        '                   → first',
        '                       then',
        '',
        '                     last',
        '! names            two',
        '                   lines',
        '',
        'Not everything that namespaces, links and ping need works here.',
        '',
      ].join('\n'),
    );
  });

  test('ends with what it comes to', () => {
    const lastLine = (kept: typeof checks) =>
      render({ ok: true, checks: kept }, plain).trimEnd().split('\n').at(-1);
    const advice = { name: 'names', ok: false, found: 'x', required: false };
    expect(lastLine(checks.slice(0, 1))).toBe('Namespaces, links and ping work here.');
    expect(lastLine([advice])).toBe(
      'Namespaces, links and ping work here; one thing beyond that could be better.',
    );
    expect(lastLine([advice, advice])).toContain('2 things');
  });

  test('colours the marks', () => {
    const text = render({ ok: false, checks }, (style, mark) => `<${style} ${mark}>`);
    expect(text).toContain('<green ✔> kernel');
    expect(text).toContain('<red ✘> user');
    expect(text).toContain('<yellow !> names');
  });
});
