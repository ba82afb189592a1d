// An image's content copied into an empty volume: copy.mjs small | large.
import { spawnSync } from 'node:child_process';
import { Volume } from 'nsnet';
import { median, report, settle, timed } from './common.mjs';

const AGAIN = 5;
const place = `${process.env.NSNET_BENCH_COPY ?? '/run'}/nsnet-copy`;
const source = `${place}/${process.argv[2]}`;

const samples = [];
for (let i = 0; i <= AGAIN; i++) {
  const volume = await Volume.create({ name: 'bench', directory: `${place}/volumes` });
  spawnSync('sync', ['-f', place]);
  const { took, value } = await timed(() => volume.copyUp(source));
  if (!value) throw new Error('nothing was copied');
  samples.push(took);
  await volume.remove();
  await settle(100);
}
report({ first: samples[0], again: median(samples.slice(1)) });
