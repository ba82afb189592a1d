// A volume that is given what an image has, used, and removed: all of it in a directory of its own.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NsnetError, Volume } from 'nsnet';

const place = mkdtempSync(join(tmpdir(), 'nsnet-volumes-'));
const image = join(place, 'image');
mkdirSync(join(image, 'var/www'), { recursive: true });
writeFileSync(join(image, 'var/www/index.html'), '<h1>It works</h1>\n');
symlinkSync('/var/www', join(image, 'html')); // as if the image were /

const volume = await Volume.create({
  name: 'pages',
  labels: { app: 'web' },
  directory: join(place, 'volumes'),
});
const use = await volume.use({ copyUp: { from: image, path: '/html' } });
console.log(`${volume}: copied ${use.copied}, holds ${readdirSync(use.path).join(', ')}`);

await volume.remove().catch((error: NsnetError) => console.log(`in use: ${error.code}`));
await use.close();
console.log(`copied again: ${await volume.copyUp(image, { path: '/html' })}`);

const { labels, inUse } = await volume.inspect();
console.log({ labels, inUse });
await volume.remove();
console.log(await Volume.list({ directory: join(place, 'volumes') }));
rmSync(place, { recursive: true });
