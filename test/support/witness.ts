// What other programs say about a namespace of ours.
import { spawn } from 'node:child_process';

/** A network namespace by a descriptor of this process; rootless also the user namespace that owns it. */
export interface Inside {
  netnsFd: number;
  userFd?: number;
}

// Where the tests run with sanitizers, they are for the add-on: others' programs have errors of their own.
const { LD_PRELOAD, ...env } = process.env;

/** This program's own Node, to be started by others' programs: it loads the add-on. */
export const node = [
  ...(LD_PRELOAD === undefined ? [] : ['env', `LD_PRELOAD=${LD_PRELOAD}`]),
  process.execPath,
];

/** The standard output of a program; rejects with what it wrote to standard error. */
export function run(file: string, args: readonly string[], fds: readonly number[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe', ...fds] });
    let out = '';
    let error = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      error += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out);
      else
        reject(new Error(`${[file, ...args].join(' ')}: ${error.trim() || (signal ?? `exit code ${code}`)}`));
    });
  });
}

/** Runs a program of this machine inside, its standard output as text. The descriptors are handed down to it. */
export function runInside(inside: Inside, file: string, ...args: string[]): Promise<string> {
  const enter = ['--net=/proc/self/fd/3'];
  if (inside.userFd !== undefined) enter.unshift('--user=/proc/self/fd/4', '--preserve-credentials');
  const fds = inside.userFd === undefined ? [inside.netnsFd] : [inside.netnsFd, inside.userFd];
  return run('nsenter', [...enter, file, ...args], fds);
}

// biome-ignore lint/suspicious/noExplicitAny: ip's output is as it is, and tests reach into it
type Printed = Record<string, any>;

/** `ip -j -d …` inside, or here without `inside`; what prints nothing gives []. */
export async function ip(inside: Inside | undefined, ...args: string[]): Promise<Printed[]> {
  const all = ['-j', '-d', ...args];
  const text = inside === undefined ? await run('ip', all) : await runInside(inside, 'ip', ...all);
  return text.trim() === '' ? [] : JSON.parse(text);
}
