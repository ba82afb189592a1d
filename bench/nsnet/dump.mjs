// The namespace's routes as plain objects.
import { Netns } from 'nsnet';
import { report, timed } from './common.mjs';

const netns = await Netns.current();

async function readAll() {
  const { took, value } = await timed(() => netns.routes.list({ family: 'inet' }));
  if (value.length < 100_000) throw new Error(`only ${value.length} routes found`);
  return took;
}

report({ first: await readAll(), again: await readAll() });
await netns.close();
