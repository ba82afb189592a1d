// Who answers, and whom it took the caller for.
import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6 } from 'node:net';
import type { Netns, Scope } from 'nsnet';
import { scale } from '../../support/scale.js';

export type Transport = 'tcp' | 'udp';

/** Milliseconds after which silence is taken for an answer. Here a packet takes some microseconds. */
export const PATIENCE = scale < 1 ? 20_000 : 1_500;

/** Errors by which a network says that there is no way; any other is the test's own. */
const NO_WAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
  'EINVAL',
  'EPIPE',
]);

function orNoWay(error: unknown): undefined {
  if (NO_WAY.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
  throw error;
}

/** Where a server answered from, and the address that it saw. */
export interface Answer {
  name: string;
  source: string;
}

/**
 * On TCP and UDP ports: tells everybody `name`, and the address that it sees. On `hosts`, or on all addresses; who has
 * several must name them, or UDP's answers come from another one than was asked.
 */
export async function answerOn(
  scope: Scope,
  netns: Netns,
  name: string,
  ports: readonly number[],
  hosts: readonly string[] = ['0.0.0.0', '::'],
): Promise<void> {
  for (const [host, port] of hosts.flatMap((host) => ports.map((port) => [host, port] as const))) {
    const only = isIPv6(host) && { ipv6Only: true };
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(`${name} ${socket.remoteAddress}\n`);
    });
    await scope.use(netns.listen(server, { host, port, ...only }));
    const socket = await netns.datagram(isIPv6(host) ? 'udp6' : 'udp4', { bind: { host, port }, ...only });
    socket.on('error', () => {});
    socket.on('message', (_, from) =>
      socket.send(`${name} ${from.address}\n`, from.port, from.address, () => {}),
    );
    await scope.use(closing(socket));
  }
}

/** The addresses of a machine, without those that a link gives itself. */
export async function ownAddresses(netns: Netns): Promise<string[]> {
  const all = await netns.addresses.list();
  return all.filter(({ scope }) => scope !== 'link').map(({ address }) => address.replace(/\/.*/, ''));
}

export const closing = (socket: DatagramSocket): AsyncDisposable => ({
  async [Symbol.asyncDispose]() {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  },
});

export function parseAnswer(text: string): Answer | undefined {
  const [, name, source] = /^(\S+) (\S+)\n$/.exec(text) ?? [];
  return name === undefined || source === undefined ? undefined : { name, source };
}

/** Asks from inside; undefined where nobody answers. */
export async function ask(
  netns: Netns,
  transport: Transport,
  host: string,
  port: number,
): Promise<Answer | undefined> {
  const text = await (transport === 'tcp' ? askTcp(netns, host, port) : askUdp(netns, host, port));
  return text === undefined ? undefined : parseAnswer(text);
}

async function askTcp(netns: Netns, host: string, port: number): Promise<string | undefined> {
  try {
    const socket = await netns.connect({ host, port, timeout: PATIENCE });
    socket.setEncoding('utf8');
    socket.setTimeout(PATIENCE, () => socket.destroy());
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  } catch (error) {
    return orNoWay(error);
  }
}

/** An answer that does not come from where the question went is none: a connected socket would not see it. */
async function askUdp(netns: Netns, host: string, port: number): Promise<string | undefined> {
  const socket = await netns.datagram(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      const timer = setTimeout(resolve, PATIENCE, undefined);
      const fail = (error: unknown) => {
        clearTimeout(timer);
        try {
          resolve(orNoWay(error));
        } catch (other) {
          reject(other);
        }
      };
      socket.on('error', fail);
      socket.on('message', (message, from) => {
        if (from.address !== host || from.port !== port) return;
        clearTimeout(timer);
        resolve(message.toString());
      });
      socket.send('who?\n', port, host, (error) => {
        if (error) fail(error);
      });
    });
  } finally {
    await closing(socket)[Symbol.asyncDispose]();
  }
}
