// Two ways to see how long the event loop stands still; each start gives a stop() with figures in nanoseconds.
import { closeSync, openSync, readSync } from 'node:fs';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION = 1; // ms

/** By how much a timer of 1 ms is late. */
export function timerProbe() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  const late = (ns) => Math.max(0, ns - RESOLUTION * 1e6);
  histogram.enable();
  return () => {
    histogram.disable();
    return { p99: late(histogram.percentile(99)), max: late(histogram.max) };
  };
}

/** Reads how long this thread, ready to run, has waited for a processor in its life. */
function openWaitClock() {
  const fd = openSync('/proc/thread-self/schedstat');
  const buffer = Buffer.alloc(64);
  return {
    read() {
      const size = readSync(fd, buffer, 0, buffer.length, 0);
      return Number(buffer.toString('latin1', 0, size).split(' ')[1]);
    },
    close: () => closeSync(fd),
  };
}

/**
 * The time from one round of the loop to the next while the loop never waits: p99 and max as the clock shows it,
 * heldMax without the time in which other programs had the processors. heldMax is what locks, system calls, the
 * library and the garbage collector are answerable for.
 */
export function gapProbe() {
  const histogram = createHistogram();
  const clock = openWaitClock();
  let heldMax = 0;
  let last = process.hrtime.bigint();
  let waited = clock.read();
  let immediate = setImmediate(function round() {
    const time = process.hrtime.bigint();
    const waitedNow = clock.read();
    const gap = Number(time - last);
    histogram.record(Math.max(1, gap));
    heldMax = Math.max(heldMax, gap - (waitedNow - waited));
    last = time;
    waited = waitedNow;
    immediate = setImmediate(round);
  });
  return () => {
    clearImmediate(immediate);
    clock.close();
    return { p99: histogram.percentile(99), max: histogram.max, heldMax };
  };
}
