// Namespaces that are made at the same time are made by one clone, some at a time.
import { fileURLToPath } from 'node:url';
import { Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { node, run } from '../support/witness.js';

const program = fileURLToPath(new URL('./fixtures/together.mjs', import.meta.url));

describe('made together', () => {
  test('each is one of its own, with lo up or down as it was asked for', async () => {
    const wanted = Array.from({ length: 50 }, (_, i) => Netns.create({ loopback: i % 3 !== 0 }));
    const all = await Promise.all(wanted);
    expect(new Set(all.map(({ id }) => id)).size).toBe(50);
    const up = await Promise.all(
      all.map(async (netns) => (await netns.links.list())[0]?.info.flags.includes('UP')),
    );
    expect(up).toEqual(all.map((_, i) => i % 3 !== 0));
    await Promise.all(all.map((netns) => netns.close()));
  });

  test.each([1, 7, 20])(
    'where there is room for %i, so many are made and the others refused',
    async (room) => {
      // The limit counts those of the user namespace that it is written in, this one's first network among them.
      const script = `echo ${room + 1} >/proc/sys/user/max_net_namespaces; exec "$@"`;
      const out = await run('unshare', [
        '--user',
        '--map-root-user',
        '--net',
        'sh',
        '-c',
        script,
        'sh',
        ...node,
        program,
        '30',
      ]);
      const { ids, up, refused, left } = JSON.parse(out);
      expect({ ids, up, left }).toEqual({ ids: room, up: room, left: 0 });
      const refusal = { code: 'ENOSPC', syscall: 'unshare', hint: 'See sysctl user.max_net_namespaces' };
      expect(refused).toEqual(Array.from({ length: 30 - room }, () => refusal));
    },
  );
});
