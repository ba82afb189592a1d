import type { Readable } from 'node:stream';
import { bytesOf, type Size } from '../mounts/size.js';
import { abortError, NsnetError } from '../syscalls/errors.js';
import { checkBoolean, checkKeys, checkObject, invalidType, invalidValue } from '../syscalls/validate.js';
import { ELSEWHERE } from './elsewhere.js';
import { SPAWN_KEYS } from './options.js';
import { spawn } from './spawn.js';
import type { Exit, SpawnOptions, Stdio } from './types.js';

export interface RunOptions extends Omit<SpawnOptions, 'terminal'> {
  /** What it reads from its standard input, which ends then. Not where `stdio` has no pipe for it. Default: nothing. */
  input?: string | Uint8Array;
  /** It is killed when it has written more to stdout or stderr than so many bytes. Default '1M'. */
  maxBuffer?: Size;
  /** Whether an exit code other than 0, or a signal, rejects. Default true. */
  reject?: boolean;
}

export interface RunResult extends Exit {
  stdout: string;
  stderr: string;
}

/** A program that failed: ERR_NSNET_EXIT, and what there was until then. */
export class RunError extends NsnetError {
  readonly exit: Exit;
  readonly reason: Exit['reason'];
  readonly stdout: string;
  readonly stderr: string;

  /** @internal */
  constructor(file: string, exit: Exit, result: RunResult) {
    super('ERR_NSNET_EXIT', describe(file, result));
    this.exit = exit;
    this.reason = result.reason;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

/**
 * spawn(), and waits for what it writes, as text (UTF-8), and its end. Rejects with a RunError if it fails; with an
 * AbortError that has `exit`, `reason`, `stdout` and `stderr`, too, if it was aborted before its end.
 */
export async function run(
  file: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<RunResult> {
  return runBy(spawn, file, args, options);
}

/** The same, started by `start`. */
export async function runBy(
  start: typeof spawn,
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  checkObject('options', options);
  checkKeys('options', options, [...SPAWN_KEYS, 'input', 'maxBuffer', 'reject'], ELSEWHERE);
  const { input, maxBuffer = '1M', reject = true, ...spawning } = options;
  if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array))
    throw invalidType('input', 'a string or Uint8Array', input);
  if ('terminal' in options)
    throw invalidValue('terminal', 'left out, as run() collects stdout and stderr: spawn() gives one', true);
  if (input !== undefined && !hasInput(spawning.stdio))
    throw invalidValue('input', "left out where stdio has no 'pipe' for it", input);
  checkBoolean('reject', reject);
  const most = bytesOf('maxBuffer', maxBuffer);
  const stdio = spawning.stdio ?? [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
  const nothing: RunResult = { code: null, signal: null, reason: 'aborted', stdout: '', stderr: '' };
  const starting = await start(file, args, { ...spawning, stdio }).catch((error) => {
    if (error.name !== 'AbortError') throw error;
    if (reject) throw withResult(error, nothing);
    return undefined;
  });
  if (!starting) return nothing;
  await using started = starting;
  let full = false;
  const tooMuch = () => {
    full = true;
    started.kill('SIGKILL');
  };
  // It may end, or close its input, before it has read all.
  started.stdin?.on('error', () => {});
  started.stdin?.end(input);
  // What it started may hold its streams open, and is not waited for.
  const letGo = () => {
    for (const stream of started.stdio) stream?.destroy();
  };
  void started.exited.then(({ reason }) => (reason === 'aborted' || full) && letGo());
  const [exit, stdout, stderr] = await Promise.all([
    started.exited,
    collect(started.stdout, most, tooMuch),
    collect(started.stderr, most, tooMuch),
  ]);
  const result: RunResult = { ...exit, ...(full ? { reason: 'maxBuffer' } : {}), stdout, stderr };
  if (!reject || (result.code === 0 && !result.reason)) return result;
  if (result.reason === 'aborted') throw withResult(abortError(options.signal), result);
  throw new RunError(file, exit, result);
}

const hasInput = (stdio: Stdio | undefined): boolean =>
  stdio === undefined || (Array.isArray(stdio) ? stdio[0] : stdio) === 'pipe';

function withResult(error: Error, { stdout, stderr, ...exit }: RunResult): Error {
  return Object.assign(error, { exit, stdout, stderr, reason: exit.reason });
}

async function collect(stream: Readable | null, most: number, tooMuch: () => void): Promise<string> {
  if (!stream) return '';
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      chunks.push(chunk);
      if (size > most) {
        tooMuch();
        break;
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
  return Buffer.concat(chunks).subarray(0, most).toString();
}

function describe(file: string, { code, signal, reason, stderr }: RunResult): string {
  const how = signal === null ? `exited with ${code}` : `was ended by ${signal}`;
  const why = reason === undefined ? '' : ` (${reason})`;
  const said = stderr.trim().split('\n').slice(-5).join('\n');
  return `${file} ${how}${why}${said === '' ? '' : `: ${said}`}`;
}
