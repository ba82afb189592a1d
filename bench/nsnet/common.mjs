// What nsnet's programs share: the clock and the report.
import { setTimeout as sleep } from 'node:timers/promises';

/** Lets the kernel finish what was torn down. */
export const settle = (ms = 500) => sleep(ms);

/** Nanoseconds that the work took, and what it gave. */
export async function timed(work) {
  const start = process.hrtime.bigint();
  const value = await work();
  return { took: Number(process.hrtime.bigint() - start), value };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

export const report = (phases) => console.log(JSON.stringify(phases));

/** The i-th of the routes that the scenarios add. */
export const route = (i) => ({ destination: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`, device: 'lo' });
