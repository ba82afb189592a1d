// Takes all descriptors that this process may have, and tries what needs one more.
import { closeSync, openSync, readdirSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns } from 'nsnet';

const open = () => readdirSync('/proc/self/fd').length;
const codeOf = (promise) =>
  promise.then(
    () => 'none',
    ({ code }) => code,
  );

const netns = await Netns.create();
const { port } = await netns.listen(createServer((socket) => socket.on('error', () => {}).end('heard')));
const agent = netns.httpAgent();
const connecting = () => netns.connect({ port });
await text(await connecting());
await netns.lookup('localhost', () => {});
await sleep(300);
const before = open();

const taken = [];
function fill() {
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
}

fill();
const results = {
  connect: await codeOf(connecting()),
  many: [...new Set(await Promise.all(Array.from({ length: 40 }, () => codeOf(connecting()))))],
  listen: await codeOf(netns.listen(createServer())),
  datagram: await codeOf(netns.datagram('udp4')),
  httpAgent: await codeOf(new Promise((_, reject) => get({ port, agent }).on('error', reject))),
};
for (const fd of taken.splice(0)) closeSync(fd);
const after = await text(await connecting());
await sleep(300);
const left = Math.max(0, open() - before);
await netns.close();
console.log(JSON.stringify({ ...results, after, left }));
