// Does what it is told with cgroups, a line of JSON each, and prints what came of it.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Cgroup } from 'nsnet';

const held = new Map();
const heard = new Map();

const acts = {
  create: async ({ name, limits }) => {
    held.set(name, await Cgroup.create(name, limits));
    return held.get(name).path;
  },
  open: async ({ name }) => {
    held.set(name, await Cgroup.open(name));
    return held.get(name).path;
  },
  set: async ({ name, limits }) =>
    held
      .get(name)
      .set(limits)
      .then(() => 'done'),
  limits: async ({ name }) => held.get(name).limits(),
  controllers: async ({ name }) => held.get(name).controllers(),
  add: async ({ name, pid }) =>
    held
      .get(name)
      .add(pid ?? process.pid)
      .then(() => 'done'),
  processes: async ({ name }) => held.get(name).processes(),
  freeze: async ({ name }) =>
    held
      .get(name)
      .freeze()
      .then(() => 'done'),
  thaw: async ({ name }) =>
    held
      .get(name)
      .thaw()
      .then(() => 'done'),
  kill: async ({ name }) =>
    held
      .get(name)
      .kill()
      .then(() => 'done'),
  stats: async ({ name }) => held.get(name).stats(),
  listen: async ({ name }) => {
    heard.set(name, held.get(name).events());
    // What is asked after it is done after it has begun.
    await held.get(name).limits();
    return 'done';
  },
  event: async ({ name }) => (await heard.get(name).next()).value,
  release: async ({ name }) => {
    held.get(name).release();
    await held.get(name).close();
    return 'done';
  },
  close: async ({ name }) =>
    held
      .get(name)
      .close()
      .then(() => 'done'),
  gc: async () => Cgroup.gc(),
  where: async () => readFileSync('/proc/self/cgroup', 'utf8').trimEnd().split('\n'),
};

console.log('"ready"');
for await (const line of createInterface({ input: process.stdin })) {
  const { act, ...rest } = JSON.parse(line);
  const work = acts[act](rest).catch(({ code, message, hint }) => ({ code, message, hint }));
  console.log(JSON.stringify((await work) ?? null));
}
