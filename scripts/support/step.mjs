import { spawn } from 'node:child_process';
import { colour, excerpt, say, seconds, verbose } from './output.mjs';
import { root } from './root.mjs';

/** Why a step failed, with what it printed. */
export class StepError extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/** Runs a program to its end and gives what it printed, both streams together; rejects if it fails. */
export function run(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const stdio = verbose ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'];
    const child = spawn(file, args, { cwd: root, stdio, ...options });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => reject(new StepError(error.message, output)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new StepError(`${file} ${args.join(' ')}: ${signal ?? `exit code ${code}`}`, output));
    });
  });
}

/** The same with a program written for Node. */
export const runNode = (file, args, options) => run(process.execPath, [file, ...args], options);

/** One line for one step of the work, with the time it took; its output only where it fails. */
export async function step(title, work) {
  process.stderr.write(`${colour('cyan', '•')} ${title} … ${verbose ? '\n' : ''}`);
  const start = performance.now();
  try {
    const result = await work();
    say(`${verbose ? '  done: ' : ''}${colour('green', seconds(start))}`);
    return result;
  } catch (error) {
    say(colour('red', `failed after ${seconds(start)}`));
    throw error;
  }
}

/** Runs a script's main function; a failed step ends it with exit code 1 and says why. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    if (error.output) say(excerpt(error.output));
    say(colour('red', error.message));
    process.exitCode = 1;
  }
}
