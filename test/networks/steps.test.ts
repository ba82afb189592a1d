// kill -9 at each step of making a network, an endpoint and its ports, and of ending them: gc() removes what is left.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Netns, Network, Scope } from 'nsnet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { containers, expectSeen, hostOnLan, type Seen, seen, startIn } from './hosts.js';

const AT_ONCE = 4;
const scope = new Scope();
const places: { host: Netns; container: Netns; before: Seen }[] = [];

beforeAll(async () => {
  for (let i = 0; i < AT_ONCE; i++) {
    const { host } = await hostOnLan(scope);
    const [container] = (await containers(scope, 1)) as [Netns];
    places.push({ host, container, before: await seen(host) });
  }
});
afterAll(() => scope[Symbol.asyncDispose]());

/** The calls that it made, or by which signal it was ended. */
async function run(
  { host, container }: (typeof places)[number],
  at: number,
  when: string,
  options: object,
): Promise<string[] | string> {
  const child = await startIn(host, 'steps', [String(at), when, JSON.stringify(options)], [container]);
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  child.stdout?.resume();
  let calls: string[] | undefined;
  child.on('message', (said: { calls: string[] }) => {
    calls = said.calls;
  });
  const [, signal] = await once(child, 'exit');
  expect(errors).toBe('');
  return calls ?? String(signal);
}

/** What there was to collect. */
async function collect({ host, before }: (typeof places)[number], step: string): Promise<string> {
  const found = { networks: [] as string[], endpoints: [] as string[] };
  // A clone that was in the middle of a call may hold its sockets for a moment longer.
  for (let tries = 0; tries < 200; tries++) {
    const { networks, endpoints } = await Network.gc({ netns: host });
    found.networks.push(...networks);
    found.endpoints.push(...endpoints);
    if ((await host.links.list()).length === 2) break;
    await sleep(20);
  }
  await expectSeen(host, before, step);
  expect(await Network.gc({ netns: host }), step).toEqual(NOTHING);
  return JSON.stringify(found);
}

/** Its links have gone by themselves; gc() turns off what was turned on, and removes what guarded that. */
async function expectNothing({ host, before }: (typeof places)[number], step: string): Promise<string> {
  for (let tries = 0; tries < 200 && (await host.links.list()).length > 2; tries++) await sleep(20);
  const { tables, ...rest } = await Network.gc({ netns: host });
  expect(rest, step).toEqual({ networks: [], endpoints: [] });
  expect(['', 'nsnet-mynet/opened']).toContain(tables.join());
  await expectSeen(host, before, step);
  return step;
}

const NOTHING = { networks: [], endpoints: [], tables: [] };
const STRIDE = Number(process.env.NSNET_STRIDE ?? 8) / scaled(1, 0.25);

test.each([
  ['a network', {}, collect],
  ['a network with a router of its own', { router: true }, expectNothing],
])(
  `%s: kill -9 before and after calls of the add-on, one of ${STRIDE}`,
  async (_, options, look) => {
    const calls = await run(places[0]!, -1, 'before', options);
    expect(calls).toBeInstanceOf(Array);
    await look(places[0]!, 'nothing');
    const steps: [number, string][] = [];
    // Another one each time, so that many runs have all of them.
    for (let step = Math.floor(Math.random() * STRIDE); step < calls.length * 2; step += STRIDE)
      steps.push([step >> 1, step % 2 ? 'over' : 'before']);
    const outcomes = new Set<string>();
    const one = async (place: (typeof places)[number]) => {
      for (let next = steps.shift(); next; next = steps.shift()) {
        const [at, when] = next;
        const step = `${when} call ${at} of ${calls.length}, ${calls[at]}`;
        // Calls that are made beside others are not in the same order each time: the last ones may be fewer.
        const ended = await run(place, at, when, options);
        if (typeof ended === 'string') expect(ended, step).toBe('SIGKILL');
        outcomes.add(await look(place, step));
      }
    };
    await Promise.all(places.map(one));
    // It was killed with nothing, with a network, and with an endpoint.
    expect(outcomes.size).toBeGreaterThan(2);
  },
  600_000,
);
