// 100,000 routes in a fresh namespace, by as many calls made together.
import { Netns } from 'nsnet';
import { report, route, settle, timed } from './common.mjs';

const ROUTES = 100_000;

async function addAll() {
  const netns = await Netns.create({});
  const { took } = await timed(() => {
    const adding = [];
    for (let i = 0; i < ROUTES; i++) adding.push(netns.routes.add(route(i)));
    return Promise.all(adding);
  });
  await netns.close();
  return took;
}

const first = await addAll();
await settle();
report({ first, again: await addAll() });
