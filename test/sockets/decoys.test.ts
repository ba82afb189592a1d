// Whatever goes astray arrives: a namespace plays the host, where decoys have the same addresses, ports and names.
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { node, run } from '../support/witness.js';

const program = fileURLToPath(new URL('programs/decoys.mjs', import.meta.url));

const PREPARE =
  'ip link set lo up && ip addr add 192.168.7.2/32 dev lo && ip addr add fd07::2/128 dev lo nodad && exec';

/** Rootless the program has a user of its own in there, who may nothing. */
async function tell(...stories: string[]): Promise<Record<string, { said: unknown; hits: number }>> {
  const unshare = privileged ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const drop = privileged ? '' : 'setpriv --inh-caps=-all --bounding-set=-all';
  const command = [
    ...unshare,
    'sh',
    '-c',
    `${PREPARE} ${drop} "$@"`,
    'sh',
    ...node,
    program,
    stories.join(','),
    hostname(),
  ];
  return JSON.parse(await run('unshare', command));
}

const HOSTS = ['192.168.7.2', 'fd07::2', 'localhost', 'web.test', 'four.test', '127.0.0.1', '::1'];
const ALL_INSIDE = Object.fromEntries(HOSTS.map((host) => [host, 'inside']));

describe('nobody reaches a decoy', () => {
  let told: Awaited<ReturnType<typeof tell>>;

  beforeAll(async () => {
    told = await tell('everyWay', 'unix', 'keepAlive', 'refused', 'unknownName', 'firstFails', 'closed');
  });

  test('by any way to any name or address', async () => {
    const ways = [
      'connect',
      'httpAgent',
      'httpsAgent',
      'fetch',
      'undici',
      'tls',
      'http2',
      'websocket',
      'datagram',
      'connectedDatagram',
    ];
    expect(told.everyWay).toEqual({
      said: Object.fromEntries(ways.map((way) => [way, ALL_INSIDE])),
      hits: 0,
    });
  });

  test('an abstract name', async () => {
    expect(told.unix).toEqual({ said: 'inside', hits: 0 });
  });

  test('over connections that are used again', async () => {
    expect(told.keepAlive).toEqual({ said: Array(9).fill('inside'), hits: 0 });
  });

  test('where nobody listens inside', async () => {
    expect(told.refused).toEqual({ said: Array(3).fill('ECONNREFUSED'), hits: 0 });
  });

  test('by a name that this machine knows', async () => {
    const { said, hits } = told.unknownName as { said: string[]; hits: number };
    for (const code of said) expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(code);
    expect(hits).toBe(0);
  });

  test('while the first of several addresses fails', async () => {
    expect(told.firstFails).toEqual({ said: ['inside', 'inside'], hits: 0 });
  });

  test('after the namespace object is closed', async () => {
    expect(told.closed).toEqual({
      said: {
        connect: 'ERR_NSNET_CLOSED',
        connectUnix: 'ERR_NSNET_CLOSED',
        listen: 'ERR_NSNET_CLOSED',
        datagram: 'ERR_NSNET_CLOSED',
        httpAgent: 'ERR_NSNET_CLOSED',
        httpAgentBefore: 'ERR_NSNET_CLOSED',
        httpsAgentBefore: 'ERR_NSNET_CLOSED',
        fetch: 'ERR_NSNET_CLOSED',
        undiciBefore: 'UND_ERR_DESTROYED',
        socketBefore: 'ERR_SOCKET_DGRAM_NOT_RUNNING',
      },
      hits: 0,
    });
  });
});

test('a server inside is not what is reached from outside', async () => {
  expect((await tell('fromOutside')).fromOutside).toEqual({ said: Array(3).fill('DECOY'), hits: 3 });
});

test('these tests can fail: who leaves the namespace reaches a decoy', async () => {
  const { said, hits } = (await tell('leak')).leak as { said: string[]; hits: number };
  expect(said).toEqual(Array(4).fill('DECOY'));
  expect(hits).toBeGreaterThanOrEqual(4);
});
