// @kernels
// A watch of links sees what a resolver lives by: links with alternative names coming, changing and going.
import { type AnyLink, Bridge, type Change, Netns, Veth } from 'nsnet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shellIn } from './support/inside.js';

let netns: Netns;
let other: Netns;
let bridge: Bridge;
beforeEach(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  bridge = await Bridge.create({ netns, name: 'br0', up: true });
});
afterEach(async () => {
  await netns.close();
  await other.close();
});

/** Follows changes of ports until one of them is as it should be. */
function follow(filter = {}) {
  const watch = netns.links.watch({ snapshot: false, ...filter });
  const first = watch.next();
  let pending: Promise<IteratorResult<Change<AnyLink>>> | undefined = first;
  return {
    async until(wanted: (change: Change<AnyLink>) => boolean) {
      for (;;) {
        const { value } = await (pending ?? watch.next());
        pending = undefined;
        if (wanted(value)) return value as Change<AnyLink>;
      }
    },
    end: async () => void (await watch.return?.()),
  };
}

const namesOf = ({ value }: Change<AnyLink>) => value.info.altNames;

test('an endpoint that comes with its names, and goes with them', async () => {
  const changes = follow({ master: bridge });
  const { a } = await Veth.create(
    { netns, name: 'e1', master: bridge, altNames: ['net:a:10.0.0.2', 'net:n:web'], up: true },
    { netns: other, up: true },
  );
  const change = await changes.until((each) => namesOf(each).includes('net:n:web'));
  expect(change.value).toMatchObject({ name: 'e1', info: { altNames: ['net:a:10.0.0.2', 'net:n:web'] } });
  await a.delete();
  const gone = await changes.until(({ type }) => type === 'removed');
  expect(namesOf(gone)).toEqual(['net:a:10.0.0.2', 'net:n:web']);
  await changes.end();
});

test('names that are given and taken later, by us and by ip', async () => {
  const { a } = await Veth.create(
    { netns, name: 'e1', master: bridge, up: true },
    { netns: other, up: true },
  );
  await a.ready();
  const changes = follow();
  await a.set({ altNames: ['net:n:one'] });
  await changes.until((each) => namesOf(each).includes('net:n:one'));
  await shellIn(netns, 'ip link property add dev e1 altname net:n:two');
  await changes.until((each) => namesOf(each).includes('net:n:two'));
  await shellIn(netns, 'ip link property del dev e1 altname net:n:one');
  const change = await changes.until((each) => !namesOf(each).includes('net:n:one'));
  expect(change).toMatchObject({ type: 'changed', value: { info: { altNames: ['net:n:two'] } } });
  await changes.end();
});

test('names of a link that is down are told with the next change of it', async () => {
  const { a } = await Veth.create({ netns, name: 'e1' }, { netns: other });
  const changes = follow();
  await shellIn(netns, 'ip link property add dev e1 altname net:n:late');
  await a.up();
  const change = await changes.until(({ value }) => value.name === 'e1' && value.info.up);
  expect(namesOf(change)).toEqual(['net:n:late']);
  await changes.end();
});
