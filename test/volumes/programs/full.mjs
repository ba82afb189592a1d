// Copies up where there is little room: full.mjs <directory of volumes> <image>. Prints what came of it.
import { readdirSync } from 'node:fs';
import { Volume } from 'nsnet';

const [directory, image] = process.argv.slice(2);
const volume = await Volume.create({ name: 'x', directory });
const { code, syscall, subject, notUndone } = await volume.copyUp(image).catch((error) => error);
const { path } = await volume.inspect();
const left = [readdirSync(path), readdirSync(`${directory}/x`).sort()];
const small = await volume.copyUp(image, { path: '/small' });
console.log(JSON.stringify({ code, syscall, subject, notUndone, left, small, after: readdirSync(path) }));
