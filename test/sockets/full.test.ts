// No descriptor is free: a process of its own, whose limit is reached.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { node, run } from '../support/witness.js';

const program = fileURLToPath(new URL('programs/full.mjs', import.meta.url));

test('EMFILE of each call, after which all works again and nothing is left', async () => {
  const limit = ['-c', 'ulimit -n 80 && exec "$@"', 'sh'];
  expect(JSON.parse(await run('sh', [...limit, ...node, program]))).toEqual({
    connect: 'EMFILE',
    many: ['EMFILE'],
    listen: 'EMFILE',
    datagram: 'EMFILE',
    httpAgent: 'EMFILE',
    after: 'heard',
    left: 0,
  });
});
