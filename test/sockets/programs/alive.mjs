// What keeps a program running, and what does not. Prints a line and is over, if all is well.
import { Netns } from 'nsnet';

const netns = await Netns.create();
const always = { count: Number.POSITIVE_INFINITY, interval: 20 };

const stories = {
  /** Never begun: the program ends although it closes nothing. */
  idle() {
    netns.ping('127.0.0.1', always);
  },
  /** Runs to its end although nobody waits for it. */
  running() {
    netns
      .ping('127.0.0.1', { count: 3, interval: 50 })
      .then(({ received }) => console.log(`${received} received`));
  },
  /** Its only answer is yet to be lost. */
  waiting() {
    netns
      .ping('127.0.0.2', { count: 1, source: '127.0.0.1' })
      .then(({ sent }) => console.log(`${sent} sent`));
  },
  async broken() {
    for await (const _ of netns.ping('127.0.0.1', always)) break;
    console.log('broken off');
  },
  async aborted() {
    const signal = AbortSignal.timeout(100);
    await netns.ping('127.0.0.1', { ...always, signal }).then(undefined, ({ name }) => console.log(name));
  },
  async closed() {
    setTimeout(() => netns.close(), 100);
    const { lost } = await netns.ping('127.0.0.1', always);
    console.log(`${lost} lost`);
  },
  /** Stays, until it is killed. */
  forever() {
    netns.ping('127.0.0.1', always).then(() => console.log('it ended'));
    console.log('begun');
  },
};

await stories[process.argv[2]]();
