// Without privileges a name is a label, known to all threads of this process.
import { setImmediate as turn } from 'node:timers/promises';
import { Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { Fd } from '../../lib/syscalls/fd.js';
import { native } from '../../lib/syscalls/native.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';

describe.runIf(!privileged)('a label', () => {
  test('is in use for as long as its namespace is held, and free then', async () => {
    const first = await Netns.create('first');
    await expect(Netns.create('first')).rejects.toMatchObject({ code: 'EEXIST' });
    await using found = await Netns.open('first');
    expect(found).toMatchObject({ id: first.id, name: 'first', path: undefined, owned: false });
    await first.close();
    await expect(Netns.open('first')).rejects.toMatchObject({ code: 'ENOENT' });
    await using second = await Netns.create('first');
    expect(second.id).not.toBe(first.id);
  });

  test('that was given to another meanwhile is not taken away by who had it before', async () => {
    await using other = await Netns.create();
    const fd = Fd.duplicate(other.fd);
    let lost = 0;
    for (let round = scaled(30, 5); round > 0; round--) {
      const first = await Netns.create('contended');
      const closing = first.close();
      // As a Worker would that waits for the name.
      while (native().label('contended', fd.native) < 0) await turn();
      await closing;
      const found = native().labelled('contended');
      if (typeof found === 'number') lost++;
      else await new Fd(found).close();
      native().unlabel('contended', other.id);
    }
    await fd.close();
    expect(lost).toBe(0);
  });
});
