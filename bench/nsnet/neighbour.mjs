// A process that keeps the kernel's rtnl lock busy (bench/peers/c/hold.c).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const usual = fileURLToPath(new URL('../.build', import.meta.url));
const program = join(process.env.NSNET_BENCH_BUILD ?? usual, 'c-peer');

/** Starts it and waits until it is at work. stop() gives the longest time that it held the lock, in ns. */
export async function startNeighbour() {
  const child = spawn(program, ['hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  if ((await lines.next()).value !== 'ready') throw new Error('the neighbour did not start');
  return {
    async stop() {
      const ended = once(child, 'exit');
      child.stdin.end();
      const { value } = await lines.next();
      await ended;
      return JSON.parse(value).longest;
    },
  };
}
