// An overlay of so many lowers made, attached, taken off: close | detach, LOWERS.
import { mkdirSync } from 'node:fs';
import { OverlayMount } from 'nsnet';
import { median, report, timed } from './common.mjs';

const PLACE = '/run/mounts';
const AGAIN = 100;

const [way, count] = process.argv.slice(2);
const lower = Array.from({ length: Number(count) }, (_, i) => `${PLACE}/${i}`);
const target = `${PLACE}/target`;
for (const path of [target, `${PLACE}/upper`, `${PLACE}/work`, ...lower])
  mkdirSync(path, { recursive: true });
const layers = { lower, upper: `${PLACE}/upper`, work: `${PLACE}/work` };

const ways = {
  async close() {
    const overlay = await OverlayMount.create({ ...layers, target });
    await overlay.close();
  },
  async detach() {
    const overlay = await OverlayMount.create(layers);
    await overlay.attach(target);
    await overlay.detach();
    await overlay.close();
  },
};

const samples = [];
for (let i = 0; i <= AGAIN; i++) {
  samples.push((await timed(ways[way])).took);
}
report({ first: samples[0], again: median(samples.slice(1)) });
