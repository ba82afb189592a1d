import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Netns } from 'nsnet';
import { expect } from 'vitest';
import { sockets } from './cable.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));

/** A key and a certificate that vouches for itself: for 'web.test', 'localhost' and 192.168.7.2. */
export const TLS = { key: fixture('key'), cert: fixture('cert') };
export const CA = { ca: TLS.cert };

/** A server that says a word to whoever connects, and hangs up. */
export const saying = (word: string): Server =>
  createServer((socket) => socket.on('error', () => {}).end(word));

/** All that the other end says. */
export const heard = (stream: Duplex | Socket): Promise<string> => text(stream);

/** Waits until no more sockets are open than before: what is closed is closed a little later, spare ones within 200 ms. */
export async function nothingLeft(before: number): Promise<void> {
  for (let i = 0; i < 300 && sockets() > before; i++) await sleep(10);
  expect(sockets()).toBeLessThanOrEqual(before);
}

/** What was rejected with; fails where nothing was. */
export async function failure(
  promise: Promise<unknown>,
): Promise<NodeJS.ErrnoException & Record<string, unknown>> {
  const made = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  if ('error' in made) return made.error;
  throw new Error(`It was not refused, but gave ${made.value}`);
}

/** The link-local address of its device eth0, without the device. */
export async function linkLocal(netns: Netns): Promise<string> {
  const all = await netns.addresses.list({ device: 'eth0', family: 'inet6' });
  const { address = '' } = all.find((one) => one.scope === 'link') ?? {};
  return address.split('/')[0] as string;
}
