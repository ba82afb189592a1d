// What keeps a program running, and what does not. Prints a line and is over, if all is well.
import { Netns } from 'nsnet';

const netns = await Netns.create();

const stories = {
  /** Ends by itself once it is closed. */
  async closed() {
    const capture = netns.capture();
    await capture.ready;
    await capture.close();
    console.log('closed');
  },
  async broken() {
    const capture = netns.capture();
    await capture.ready;
    await netns.ping('127.0.0.1', { count: 1 });
    for await (const { link } of capture) {
      console.log(link);
      break;
    }
  },
  async aborted() {
    const capture = netns.capture({ signal: AbortSignal.timeout(100) });
    await capture.next().catch(({ name }) => console.log(name));
  },
  async together() {
    const capture = netns.capture();
    setTimeout(() => netns.close(), 100);
    for await (const _ of capture);
    console.log('over');
  },
  /** Stays, until it is killed. */
  async forever() {
    await netns.capture().ready;
    console.log('begun');
  },
};

await stories[process.argv[2]]();
