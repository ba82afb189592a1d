// A Worker that starts processes until it is terminated: the pids of those that it had started.

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const [rounds] = process.argv.slice(2).map(Number);
const source = `
  const { parentPort } = require('node:worker_threads');
  import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}).then(async ({ spawn }) => {
    for (;;) parentPort.postMessage((await spawn('sleep', ['1000'], { stdio: 'ignore' })).pid);
  });`;

const pids = [];
for (let i = 0; i < rounds; i++) {
  const worker = new Worker(source, { eval: true });
  worker.on('message', (pid) => pids.push(pid));
  await new Promise((resolve) => worker.once('message', resolve));
  await sleep(Math.random() * 20);
  await worker.terminate();
}
console.log(JSON.stringify(pids));
process.stdin.resume();
