// The namespace's links as objects, over and over.
import { Netns } from 'nsnet';
import { report, timed } from './common.mjs';

const LISTS = 1000;

const netns = await Netns.current();
const { took } = await timed(async () => {
  for (let i = 0; i < LISTS; i++) await netns.links.list();
});
report({ list: took / LISTS });
await netns.close();
