// /bin/true started and waited for: heap MiB of Node's heap in use, plain | isolated.
import { spawn } from 'nsnet';
import { median, report, timed } from './common.mjs';

const AGAIN = 100;
const [heap, way] = process.argv.slice(2);
const namespaces =
  way === 'isolated' ? { net: 'new', mnt: 'new', pid: 'new', uts: 'new', ipc: 'new' } : undefined;

// Objects, not buffers: a fork would have to copy the tables of all these pages.
const ballast = [];
for (let i = 0; i < Number(heap) * 1024; i++) ballast.push(new Array(128).fill(i));

const samples = [];
for (let i = 0; i <= AGAIN; i++) {
  const { took } = await timed(async () => {
    const started = await spawn('/bin/true', [], { stdio: 'ignore', namespaces });
    await started.exited;
    await started.close();
  });
  samples.push(took);
}
report({ first: samples[0], again: median(samples.slice(1)) });
// Kept until here.
ballast.length = 0;
