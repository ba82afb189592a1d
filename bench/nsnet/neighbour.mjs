// A process that keeps the kernel's rtnl lock busy (bench/peers/c/hold.c).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../.build/c-peer', import.meta.url));

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
