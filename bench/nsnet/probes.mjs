// Two ways to see how long the event loop stands still; each start() gives a stop() with the p99 and the maximum
// in nanoseconds.
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

/** The time from one round of the loop to the next while the loop never waits. */
export function gapProbe() {
  const histogram = createHistogram();
  let last = process.hrtime.bigint();
  let immediate = setImmediate(function round() {
    const time = process.hrtime.bigint();
    histogram.record(time - last || 1n);
    last = time;
    immediate = setImmediate(round);
  });
  return () => {
    clearImmediate(immediate);
    return { p99: histogram.percentile(99), max: histogram.max };
  };
}
