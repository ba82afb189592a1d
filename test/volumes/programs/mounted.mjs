// Removes a volume below which something is mounted: mounted.mjs <directory of volumes> <where, within its data>.
import { existsSync, readdirSync } from 'node:fs';
import { Volume } from 'nsnet';

const [directory, where] = process.argv.slice(2);
const volume = await Volume.open('x', { directory });
const { path } = await volume.inspect();
const { code, message } = await volume.remove().catch((error) => error);
console.log(
  JSON.stringify({ code, named: message?.includes(`${path}${where}`), left: readdirSync(path).sort() }),
);
const other = await Volume.create({ name: 'y', directory });
const copied = await other.copyUp(path).catch((error) => error);
console.log(
  JSON.stringify({ code: copied.code, subject: copied.subject, left: existsSync(`${directory}/y/.copying`) }),
);
