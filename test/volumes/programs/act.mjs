// Does what it is told, a line of JSON each, and prints what came of it: act.mjs <directory of volumes>.
import { createInterface } from 'node:readline';
import { Volume } from 'nsnet';

const [directory] = process.argv.slice(2);
const uses = [];

const acts = {
  create: async ({ name }) => `${(await Volume.create({ name, directory })).name}`,
  copyUp: async ({ name, from, ...options }) =>
    (await Volume.open(name, { directory })).copyUp(from, options),
  use: async ({ name }) => {
    uses.push(await (await Volume.open(name, { directory })).use());
    return uses.at(-1).path;
  },
  letGo: async () => {
    await Promise.all(uses.splice(0).map((use) => use.close()));
    return 'done';
  },
  remove: async ({ name }) => {
    await (await Volume.open(name, { directory })).remove();
    return 'done';
  },
  list: async () => (await Volume.list({ directory })).map(({ name }) => name),
};

console.log('"ready"');
for await (const line of createInterface({ input: process.stdin })) {
  const { act, ...rest } = JSON.parse(line);
  const said = await acts[act](rest).catch(({ code, message }) => ({ code, message }));
  console.log(JSON.stringify(said));
}
