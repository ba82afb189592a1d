// Who a process is, and what it may.
import { run, type SpawnOptions } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';

/** Lines of /proc/self/status by their names. */
async function status(options: SpawnOptions): Promise<Record<string, string>> {
  const { stdout } = await run('cat', ['/proc/self/status'], options);
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/:\s+/)),
  );
}

const NET_RAW = '0000000000002000';
const NONE = '0000000000000000';

describe.runIf(privileged)('as root', () => {
  test('another user, without the groups of this one', async () => {
    const { Uid, Gid, Groups } = await status({ uid: 1234, gid: 2345 });
    expect(Uid?.split('\t')).toEqual(Array(4).fill('1234'));
    expect(Gid?.split('\t')).toEqual(Array(4).fill('2345'));
    expect(Groups?.trim() ?? '').toBe('');
    expect((await status({ uid: 1234, gid: 2345, groups: [5, 6] })).Groups?.trim()).toBe('5 6');
  });

  test('five sets of capabilities, as asked', async () => {
    const sets = await status({ uid: 1234, gid: 1234, capabilities: ['NET_RAW'] });
    expect(sets).toMatchObject({
      CapInh: NET_RAW,
      CapPrm: NET_RAW,
      CapEff: NET_RAW,
      CapBnd: NET_RAW,
      CapAmb: NET_RAW,
    });
    const none = await status({ capabilities: [] });
    expect(none).toMatchObject({ CapInh: NONE, CapPrm: NONE, CapEff: NONE, CapBnd: NONE, CapAmb: NONE });
  });

  test('each set by itself', async () => {
    const sets = await status({
      uid: 1234,
      gid: 1234,
      capabilities: {
        permitted: ['NET_RAW', 'CHOWN'],
        effective: [],
        inheritable: ['NET_RAW'],
        bounding: ['NET_RAW'],
      },
    });
    // Without ambient ones an exec by another than root leaves none.
    expect(sets).toMatchObject({
      CapInh: NET_RAW,
      CapPrm: NONE,
      CapEff: NONE,
      CapBnd: NET_RAW,
      CapAmb: NONE,
    });
  });
});

test('no new privileges', async () => {
  expect((await status({})).NoNewPrivs).toBe('0');
  expect((await status({ noNewPrivileges: true })).NoNewPrivs).toBe('1');
});

test('limits, umask and nice', async () => {
  const script = 'ulimit -Sn; ulimit -Hn; ulimit -c; umask; nice';
  const { stdout } = await run('sh', ['-c', script], {
    rlimits: { nofile: [100, 200], core: 0 },
    umask: 0o27,
    nice: 5,
  });
  expect(stdout.trim().split('\n')).toEqual(['100', '200', '0', '0027', '5']);
});
