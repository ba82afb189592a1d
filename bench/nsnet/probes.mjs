// Two ways to see how long the event loop stands still; each start gives a stop() with figures in nanoseconds.
import { closeSync, openSync, readSync } from 'node:fs';
import { createHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

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

/** Collects the garbage collector's pauses; takeFrom() gives how much of a stretch of time they took. */
function watchGarbage() {
  const pauses = [];
  const note = (entries) => {
    for (const { startTime, duration } of entries)
      pauses.push({ start: startTime, end: startTime + duration });
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const overlap = (pause, start, end) => Math.max(0, Math.min(pause.end, end) - Math.max(pause.start, start));
  return {
    takenFrom: (start, end) => pauses.reduce((sum, pause) => sum + overlap(pause, start, end), 0),
    close() {
      note(observer.takeRecords());
      observer.disconnect();
    },
  };
}

/**
 * The time from one round of the loop to the next while the loop never waits: p99 and max as the clock shows it,
 * runMax without the time in which other programs had the processors, heldMax without the garbage collector's pauses,
 * too: what locks, system calls and the library are answerable for.
 */
export function gapProbe() {
  const histogram = createHistogram();
  const clock = openWaitClock();
  const garbage = watchGarbage();
  const long = [];
  let last = performance.now();
  let waited = clock.read();
  let immediate = setImmediate(function round() {
    const time = performance.now();
    const waitedNow = clock.read();
    const gap = time - last;
    histogram.record(Math.max(1, Math.round(gap * 1e6)));
    if (gap > 1) long.push({ start: last, end: time, ran: gap - (waitedNow - waited) / 1e6 });
    last = time;
    waited = waitedNow;
    immediate = setImmediate(round);
  });
  return () => {
    clearImmediate(immediate);
    clock.close();
    garbage.close();
    const most = (values) => 1e6 * Math.max(0, ...values);
    return {
      p99: histogram.percentile(99),
      max: histogram.max,
      runMax: most(long.map(({ ran }) => ran)),
      heldMax: most(long.map(({ start, end, ran }) => ran - garbage.takenFrom(start, end))),
    };
  };
}
