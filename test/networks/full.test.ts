// No descriptor is free: a process of its own, whose limit is reached.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { node, run } from '../support/witness.js';

const program = fileURLToPath(new URL('programs/full.mjs', import.meta.url));

test('ports are not had, and who comes to a relay is hung up on or waits; after that all works again', async () => {
  const limit = ['-c', 'ulimit -n 300 && exec "$@"', 'sh'];
  const told = JSON.parse(await run('sh', [...limit, ...node, program]));
  const { connections, ...rest } = told;
  expect(rest).toEqual({ reserved: 'EMFILE', datagrams: 'lost', after: ['heard', 'heard'], left: 0 });
  // With few free ones the client has one and the relay none, or the relay has that of the client and none for the target.
  expect(['end', 'ECONNRESET', 'EMFILE', 'heard', 'waiting']).toEqual(expect.arrayContaining(connections));
  expect(connections.filter((one: string) => one !== 'heard').length).toBeGreaterThan(0);
});
