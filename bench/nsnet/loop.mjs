// How long the event loop stands still while routes are added: nothing | steady | held.
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns } from 'nsnet';
import { median, report, route } from './common.mjs';
import { startNeighbour } from './neighbour.mjs';
import { gapProbe, timerProbe } from './probes.mjs';

const LASTS = 1500; // ms, each probe
const PER_TICK = { nothing: 0, steady: 100, held: 20 };

const [situation] = process.argv.slice(2);
const perTick = PER_TICK[situation];
const neighbour = situation === 'steady' ? undefined : await startNeighbour();
const netns = await Netns.create({});
const waits = [];
let next = 0;

let pending = 0;
let drained = () => {};

function done() {
  if (--pending === 0) drained();
}

/** One tick's calls; the time that the last of them takes is noted. */
function arrive() {
  const start = process.hrtime.bigint();
  for (let i = 1; i <= perTick; i++) {
    pending++;
    const added = netns.routes.add(route(next++)).then(done);
    if (i === perTick) added.then(() => waits.push(Number(process.hrtime.bigint() - start)));
  }
}

async function arriveFor(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    arrive();
    await sleep(1);
  }
  if (pending > 0) {
    await new Promise((resolve) => {
      drained = resolve;
    });
  }
}

async function probed(probe) {
  const stop = probe();
  await arriveFor(LASTS);
  return stop();
}

await arriveFor(100); // what happens once, happens now
waits.length = 0;
const timer = await probed(timerProbe);
const gap = await probed(gapProbe);
const { p99: gapP99, max: gapMax, runMax, heldMax } = gap;
const phases = { timerP99: timer.p99, timerMax: timer.max, gapP99, gapMax, runMax, heldMax };
if (waits.length) Object.assign(phases, { addMedian: median(waits), addMax: Math.max(...waits) });
if (neighbour) phases.rtnlMax = await neighbour.stop();
report(phases);
await netns.close();
