import { type MountInfo, mounts, Namespace, NsnetError } from 'nsnet';
import { afterEach, describe, expect, test } from 'vitest';
import { addListing, factsOf, forceStatmount, listed, statMounts } from '../../lib/mounts/statmount.js';
import { within } from '../../lib/syscalls/inside.js';
import { Steps } from '../../lib/syscalls/steps.js';
import { patience } from '../fixtures/native/child.js';
import { hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';
import { asRow, FINDMNT, rowsOf } from './support/findmnt.js';
import { Room } from './support/room.js';

/** Everything that is worth mounting, and that an ordinary user may in a namespace of its own. */
const ALL_SORTS = String.raw`
  cd /srv
  mkdir 'a b' "$(printf 'tab\there')" "$(printf 'line\nbreak')" 'back\slash' 'hash#,=:' für low1 low:2 upper work merged bind gone peers slaves both alone ro
  mount -t tmpfs -o size=64k,mode=700 'x y' 'a b'
  mount -t tmpfs 'tab' "$(printf 'tab\there')"
  mount -t tmpfs 'line' "$(printf 'line\nbreak')"
  mount -t tmpfs 'back\slash' 'back\slash'
  mount -t tmpfs '#' 'hash#,=:'
  mount -t tmpfs für für
  mount -t tmpfs -o ro,nosuid,nodev,noexec,noatime,nodiratime ro ro
  mount -t tmpfs -o strictatime one low1
  mount -t tmpfs two low1
  mount --bind 'a b' bind
  mkdir 'a b/gone'; mount --bind 'a b/gone' gone; rmdir 'a b/gone'
  mount -t tmpfs peers peers; mount --make-shared peers
  mount --bind peers slaves; mount --make-slave slaves
  mount --bind peers both; mount --make-slave both; mount --make-shared both
  mount -t tmpfs alone alone; mount --make-unbindable alone
  touch ns; mount --bind /proc/self/ns/uts ns || true
  mount -t overlay -o 'lowerdir=/srv/low1:/srv/low\:2,upperdir=/srv/upper,workdir=/srv/work' over merged || true`;

/** findmnt's own words for what it is told. */
function compared(list: MountInfo[]) {
  return list.map(asRow);
}

afterEach(() => forceStatmount(undefined));

describe('the mounts of this process', () => {
  test('are those that findmnt lists', async () => {
    const [ours, theirs] = [await mounts().list(), rowsOf(await run('findmnt', FINDMNT))];
    expect(compared(ours)).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(2);
  });

  test('of its own namespace held by a descriptor, too', async () => {
    await using own = await Namespace.current('mnt');
    expect(await mounts(own).list()).toEqual(await mounts().list());
  });

  test('in a loop, one by one', async () => {
    const ids: number[] = [];
    for await (const { id } of mounts().list()) ids.push(id);
    expect(ids).toEqual((await mounts().list()).map(({ id }) => id));
  });

  test('are plain data', async () => {
    const all = await mounts().list();
    expect(structuredClone(all)).toEqual(all);
    expect(JSON.parse(JSON.stringify(all))).toEqual(all);
  });
});

describe('the mounts of another namespace', () => {
  test('of all sorts, as findmnt lists them there', async () => {
    const room = await Room.open();
    await room.sh(ALL_SORTS);
    const ours = await mounts(room.namespace).list();
    const theirs = rowsOf(await room.exec('findmnt', ...FINDMNT));
    expect(compared(ours)).toEqual(theirs);
    const at = (target: string) => ours.find((mount) => mount.target === `/srv/${target}`);
    expect(at('a b')).toMatchObject({ source: 'x y', superOptions: expect.arrayContaining(['size=64k']) });
    for (const odd of ['tab\there', 'line\nbreak', 'back\\slash', 'hash#,=:', 'für'])
      expect(at(odd)).toBeDefined();
    expect(at('gone')).toMatchObject({ root: '/gone', deleted: true });
    expect(at('ro')?.options).toMatchObject({ readonly: true, nosuid: true, noexec: true, atime: 'noatime' });
    const { peerGroup } = at('peers') ?? {};
    expect(at('peers')).toMatchObject({ propagation: 'shared', peerGroup: expect.any(Number) });
    expect(at('slaves')).toMatchObject({ propagation: 'slave', master: peerGroup });
    expect(at('both')).toMatchObject({ propagation: 'shared', master: peerGroup });
    expect(at('alone')).toMatchObject({ propagation: 'unbindable' });
    const overlay = at('merged')?.superOptions.find((option) => option.startsWith('lowerdir='));
    if (overlay) expect(overlay).toMatch(/^lowerdir=\/srv\/low1:\/srv\/low\\?:2$/);
  });

  test('a line of each, as mount(8) prints it', async () => {
    const room = await Room.open();
    await room.sh(ALL_SORTS);
    expect((await mounts(room.namespace).describe()).split('\n')).toEqual(
      (await room.exec('mount')).split('\n'),
    );
  });

  test('which has no /proc, or that of another pid namespace', async () => {
    const room = await Room.open('--pid', '--fork', '--kill-child');
    const before = (await mounts(room.namespace).list()).length;
    await room.sh('mount -t tmpfs nothing /proc');
    const all = await mounts(room.namespace).list();
    expect(all.at(-1)).toMatchObject({ target: '/proc', source: 'nothing' });
    expect(all.length).toBe(before + 1);
  });

  test('a name that is no UTF-8', async () => {
    const room = await Room.open();
    await room.sh(String.raw`d=$(printf '/srv/\377x'); mkdir "$d"; mount -t tmpfs t "$d"`);
    expect((await mounts(room.namespace).list({ source: 't' })).map(({ target }) => target)).toEqual([
      '/srv/�x',
    ]);
  });

  test('of a process in namespaces of every type', async () => {
    const { pid } = await hold();
    await using namespace = await Namespace.ofProcess(pid, 'mnt');
    expect((await mounts(namespace).list({ target: '/' })).length).toBeGreaterThan(0);
  });

  test.skipIf(privileged)("that is not this user's is refused, with a hint", async () => {
    const first = await Namespace.ofProcess(1, 'mnt').catch(() => undefined);
    if (!first) return;
    await using namespace = first;
    const own = await Namespace.current('mnt');
    const same = own.id === namespace.id;
    await own.close();
    if (!same) await expect(mounts(namespace).list()).rejects.toThrow(/EPERM|EACCES/);
  });

  test('that was closed', async () => {
    const namespace = await Namespace.current('mnt');
    await namespace.close();
    await expect(mounts(namespace).list()).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await expect(mounts(namespace).watch().next()).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });
});

describe('what statmount(2) says', () => {
  /** Facts by mountinfo's number; undefined before Linux 6.8. */
  async function facts(room: Room) {
    return within({ inside: { mnt: room.namespace } }, async (inside) => {
      const steps = new Steps();
      const step = addListing(steps);
      const ids = await listed(await steps.run(inside), step, inside);
      return ids && new Map((await statMounts(ids, inside, factsOf)).map((one) => [one.id, one]));
    });
  }

  const ATTRIBUTES = {
    readonly: 1n,
    nosuid: 2n,
    nodev: 4n,
    noexec: 8n,
    nodiratime: 0x80n,
    nosymfollow: 0x200000n,
  } as const;
  const PROPAGATION = {
    unbindable: 1n << 17n,
    private: 1n << 18n,
    slave: 1n << 19n,
    shared: 1n << 20n,
  } as const;

  test('is the same, and the unique ids are its', async ({ skip }) => {
    const room = await Room.open();
    await room.sh(ALL_SORTS);
    const told = await facts(room);
    if (!told) return skip('this kernel has none');
    const all = await mounts(room.namespace).list();
    expect(told.size).toBe(all.length);
    for (const { id, uniqueId, parent, device, options, propagation, peerGroup, master } of all) {
      const fact = told.get(id);
      expect(fact).toMatchObject({ id, uniqueId, parent, device });
      for (const [name, bit] of Object.entries(ATTRIBUTES)) {
        const set = ((fact?.attributes ?? 0n) & bit) !== 0n;
        expect([name, options[name as keyof typeof ATTRIBUTES]]).toEqual([name, set]);
      }
      expect((fact?.propagation ?? 0n) & PROPAGATION[propagation]).toBe(PROPAGATION[propagation]);
      expect([fact?.peerGroup, fact?.master]).toEqual([BigInt(peerGroup ?? 0), BigInt(master ?? 0)]);
    }
  });

  test('is told besides, and the rest is the same without', async ({ skip }) => {
    const room = await Room.open();
    await room.sh(ALL_SORTS);
    forceStatmount(false);
    const without = await mounts(room.namespace).list();
    expect(without.some((mount) => 'uniqueId' in mount)).toBe(false);
    forceStatmount(true);
    const withIds = await mounts(room.namespace)
      .list()
      .then(undefined, (error: unknown) => error as NsnetError);
    if (withIds instanceof NsnetError) {
      expect(withIds).toMatchObject({ code: 'ERR_NSNET_UNSUPPORTED' });
      return skip('this kernel has none');
    }
    expect(withIds.map(({ uniqueId: _, ...rest }) => rest)).toEqual(without);
    const ids = withIds.map(({ uniqueId }) => uniqueId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toSatisfy(Number.isSafeInteger);
  });
});

describe('of very many', () => {
  test(
    'all are listed, by a filter some',
    async () => {
      const room = await Room.open();
      const count = scaled(1000, 30);
      await room.sh(`cd /srv; mkdir many twice; mount -t tmpfs many many; cd many
        for i in $(seq ${count}); do mkdir "a directory with a rather long name $i"; mount --bind /srv/twice "a directory with a rather long name $i"; done
        mount --rbind /srv/many /srv/twice`);
      const ours = await mounts(room.namespace).list();
      expect(ours.length).toBeGreaterThan(2 * count);
      expect(compared(ours)).toEqual(rowsOf(await room.exec('findmnt', ...FINDMNT)));
      expect((await mounts(room.namespace).list({ under: '/srv/many' })).length).toBe(count + 1);
    },
    patience(60_000),
  );

  test(
    'each that was there all the time is listed while others come and go',
    async () => {
      const room = await Room.open();
      const count = scaled(100, 20);
      await room.sh(
        `cd /srv; mkdir stays goes; for i in $(seq ${count}); do mkdir stays/$i; mount --bind stays stays/$i; done`,
      );
      let ended = false;
      const storm = room
        .sh(`for i in $(seq ${scaled(150, 10)}); do mount --bind /srv/goes /srv/goes; umount /srv/goes; done`)
        .finally(() => {
          ended = true;
        });
      while (!ended) {
        const stay = await mounts(room.namespace).list({ under: '/srv/stays' });
        expect(stay.length).toBe(count);
        expect(new Set(stay.map(({ id }) => id)).size).toBe(count);
      }
      await storm;
    },
    patience(60_000),
  );
});

describe('a filter', () => {
  test('by target, under, type, source, parent', async () => {
    const room = await Room.open();
    await room.sh(
      'cd /srv; mkdir a ab a/b; mount -t tmpfs one a; mkdir a/b; mount -t ramfs two a/b; mount -t tmpfs three ab || true',
    );
    const targets = async (filter: Parameters<ReturnType<typeof mounts>['list']>[0]) =>
      (await mounts(room.namespace).list(filter)).map(({ target }) => target);
    expect(await targets({ target: '/srv/a' })).toEqual(['/srv/a']);
    expect(await targets({ target: '/srv//./a/' })).toEqual(['/srv/a']);
    expect(await targets({ under: '/srv/a' })).toEqual(['/srv/a', '/srv/a/b']);
    expect(await targets({ under: '/srv/a/../a/' })).toEqual(['/srv/a', '/srv/a/b']);
    expect(await targets({ type: 'ramfs', under: '/srv' })).toEqual(['/srv/a/b']);
    expect(await targets({ source: 'three' })).toEqual(['/srv/ab']);
    const [a] = await mounts(room.namespace).list({ target: '/srv/a' });
    expect(await targets({ parent: a?.id })).toEqual(['/srv/a/b']);
    expect(await targets({ device: a?.device })).toEqual(['/srv/a']);
    expect((await targets({ under: '/' })).length).toBe((await targets({})).length);
    expect(await targets({ target: '/nowhere' })).toEqual([]);
  });

  test('of which the kernel knows no subtype gives none', async () => {
    expect(await mounts().list({ type: 'proc.x' })).toEqual([]);
  });
});

describe('what cannot be meant is refused at once', () => {
  test.each([
    [{ targt: '/' }, 'ERR_INVALID_ARG_VALUE'],
    [{ target: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ target: 'relative' }, 'ERR_INVALID_ARG_VALUE'],
    [{ under: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ type: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ uniqueId: 1n }, 'ERR_INVALID_ARG_TYPE'],
    [{ propagation: 'public' }, 'ERR_INVALID_ARG_VALUE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    [[], 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('%o', async (filter, code) => {
    const bad = filter as never;
    expect(() => mounts().list(bad)).toThrow(expect.objectContaining({ code }));
    expect(() => mounts().watch(bad)).toThrow(expect.objectContaining({ code }));
    await expect(mounts().describe(bad)).rejects.toMatchObject({ code });
  });

  test('snapshot is for watch() alone, and a boolean', () => {
    expect(() => mounts().list({ snapshot: true } as never)).toThrow(/snapshot/);
    expect(() => mounts().watch({ snapshot: 1 } as never)).toThrow(TypeError);
  });

  test('another thing than a mount namespace', async () => {
    await using net = await Namespace.current('net');
    expect(() => mounts(net)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    for (const not of [5, null, {}, { fd: 3, type: 'mnt' }]) {
      expect(() => mounts(not as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
  });
});

describe('an abort', () => {
  test('before and during', async () => {
    await expect(mounts().list({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    const during = new AbortController();
    const listing = mounts().list({ signal: during.signal }).then();
    during.abort();
    await expect(listing).rejects.toMatchObject({ code: 'ABORT_ERR' });
  });
});
