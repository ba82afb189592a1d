// A host between a LAN and the internet, each a namespace, and programs that play containers.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Netns, type NetworkSandbox, type Process, type Scope, type SpawnOptions, spawn, Veth } from 'nsnet';

/** Addresses of documentation (RFC 5737). */
export const HOST = { lan: '192.0.2.1', internet: '203.0.113.1' };
export const LAN = '192.0.2.9';
export const INTERNET = '203.0.113.9';

export interface Site {
  host: Netns;
  lan: Netns;
  internet: Netns;
}

/** On the internet a web server says who asks, and a nameserver knows no names. Neither there nor on the LAN is a route to what is behind the host. */
export async function siteIn(scope: Scope): Promise<Site> {
  const [host, lan, internet] = await Promise.all([
    scope.use(Netns.create()),
    scope.use(Netns.create()),
    scope.use(Netns.create()),
  ]);
  await Promise.all([
    Veth.create(
      { netns: host, name: 'lan', addresses: [`${HOST.lan}/24`], up: true },
      { netns: lan, name: 'eth0', addresses: [`${LAN}/24`], up: true },
    ),
    Veth.create(
      { netns: host, name: 'wan', addresses: [`${HOST.internet}/24`], up: true },
      { netns: internet, name: 'eth0', addresses: [`${INTERNET}/24`], up: true },
    ),
  ]);
  await host.routes.add({ destination: 'default', gateway: INTERNET });
  host.nameservers = [INTERNET];
  const nobody = await internet.datagram('udp4', { bind: { port: 53 } });
  nobody.on('message', (query, { port, address }) => nobody.send(noSuchName(query), port, address));
  const whoAsks = createServer(({ socket }, response) => response.end(socket.remoteAddress));
  await internet.listen(whoAsks, { host: INTERNET, port: 80 });
  return { host, lan, internet };
}

/** The query with the answer bit, recursion, and NXDOMAIN (RFC 1035, 4.1.1). */
function noSuchName(query: Buffer): Buffer {
  const answer = Buffer.from(query);
  answer.writeUInt16BE(0x8183, 2);
  return answer;
}

/** Says its name and hostname, and who asks. */
const SERVER = `
  const { createServer } = require('node:http');
  const [name, ...ports] = process.argv.slice(1);
  const hostname = require('node:os').hostname();
  const answer = ({ socket }, response) => {
    const { remoteAddress: from } = socket;
    response.setHeader('connection', 'close').end(JSON.stringify({ name, hostname, from }));
  };
  let left = ports.length;
  for (const port of ports) createServer(answer).listen(+port, '0.0.0.0', () => --left || console.log('ready'));`;

export interface Answer {
  name: string;
  hostname: string;
  from: string;
}

/** A web server in a process of its own, with a hostname and mounts of its own, in the network of a sandbox. */
export async function serverIn(
  sandbox: NetworkSandbox,
  name: string,
  ports: number[],
  options: SpawnOptions = {},
): Promise<Process> {
  const args = ['-e', SERVER, name, ...ports.map(String)];
  const server = await spawn(process.execPath, args, {
    hostname: name,
    ...options,
    namespaces: { uts: 'new', mnt: 'new', ...sandbox.namespaces },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout!, 'data');
  return server;
}

export async function ask(netns: { fetch: Netns['fetch'] }, url: string): Promise<Answer> {
  const response = await netns.fetch(url);
  return (await response.json()) as Answer;
}

/** 'no way' where nobody answers within a moment, or nobody may. */
export async function reach(netns: Netns, host: string, port = 80): Promise<string> {
  try {
    const socket = await netns.connect({ host, port, signal: AbortSignal.timeout(700) });
    socket.destroy();
    return 'reached';
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    return name === 'AbortError' || code === 'ETIMEDOUT' ? 'no answer' : String(code ?? name);
  }
}
