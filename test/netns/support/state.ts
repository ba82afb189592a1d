// All that an operation could leave behind, to be compared before and after.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns } from 'nsnet';
import { expect } from 'vitest';
import { added } from '../../support/inventory.js';
import { isNamed } from './named.js';

// Made on first use, and kept.
await (await Netns.create()).close();

/** This process's descriptors, by what they are of; sockets and pipes without their numbers. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return [];
      }
    })
    .filter((target) => !/^\/proc\/\d+\/fd$/.test(target))
    .sort();
}

function names(): string[] {
  try {
    return readdirSync('/run/netns').filter(isNamed).sort();
  } catch {
    return [];
  }
}

/** Mounts of names; that the directory itself becomes a mount is `ip netns add`'s way, and stays. */
function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => isNamed(target.replace('/run/netns/', '')))
    .sort();
}

async function look(...namespaces: Netns[]) {
  const inside = [];
  for (const netns of namespaces) {
    const links = await netns.links.list();
    inside.push({
      links: links.map(({ info: { state, flags, ...info } }) => info),
      addresses: (await netns.addresses.list()).map(({ flags, ...address }) => address),
      routes: await netns.routes.list({ table: 'all' }),
    });
  }
  const listed = (await Netns.list())
    .map(({ name, id }) => ({ name, id }))
    .filter(({ name }) => isNamed(name));
  return { descriptors: descriptors(), names: names(), mounts: mounts(), listed, inside };
}

type State = Awaited<ReturnType<typeof look>>;

/**
 * What is there: descriptors, names, and links, addresses and routes of the given namespaces, once the kernel adds
 * nothing of its own any more: routes of links that were set up just now.
 */
export async function stateOf(...namespaces: Netns[]): Promise<State> {
  let state = await look(...namespaces);
  for (let waited = 0; namespaces.length > 0 && waited < 1000; waited += 10) {
    await sleep(10);
    const later = await look(...namespaces);
    if (JSON.stringify(later.inside) === JSON.stringify(state.inside)) return later;
    state = later;
  }
  return state;
}

/** Waits a moment for it to be as before; what the kernel tears down in its own time takes some 50 ms. */
export async function expectState(before: State, message: string, ...namespaces: Netns[]): Promise<void> {
  const wanted = { ...before, descriptors: [] };
  // Descriptors that are gone are no matter: their objects may have been collected only now.
  const beyond = async () => {
    const now = await look(...namespaces);
    return { ...now, descriptors: added(before.descriptors, now.descriptors) };
  };
  let now = await beyond();
  for (let waited = 0; JSON.stringify(now) !== JSON.stringify(wanted) && waited < 1000; waited += 20) {
    await sleep(20);
    now = await beyond();
  }
  expect(now, message).toEqual(wanted);
}
