// Volumes by name: made, found, described, removed; what is refused; and storage of somebody else's.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Volume, type VolumeDriver, type VolumeInfo } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { defaultDirectory } from '../../lib/volumes/names.js';
import { scaled } from '../support/scale.js';
import { inStore, program, storeIn, temporary } from './support.js';

const place = () => ({ directory: storeIn(temporary()) });

test('made, found, described and removed, again too', async () => {
  const where = place();
  const begin = Date.now();
  const volume = await Volume.create({ name: 'data.1_x-y', labels: { app: 'web', tier: '' }, ...where });
  const info = await volume.inspect();
  expect(info).toEqual({
    name: 'data.1_x-y',
    driver: 'local',
    path: join(where.directory, 'data.1_x-y/data'),
    labels: { app: 'web', tier: '' },
    createdAt: expect.any(Number),
    inUse: false,
    users: [],
  });
  expect(info.createdAt).toBeGreaterThanOrEqual(begin);
  expect(structuredClone(info)).toEqual(JSON.parse(JSON.stringify(info)));
  writeFileSync(join(info.path as string, 'file'), 'kept');
  const again = await Volume.open('data.1_x-y', where);
  expect(await again.inspect()).toEqual(info);
  expect(await Volume.list(where)).toEqual([info]);
  await again.remove();
  await volume.remove();
  await expect(volume.inspect()).rejects.toMatchObject({ code: 'ENOENT', errno: -2 });
  await expect(Volume.open('data.1_x-y', where)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(inStore(where.directory)).toEqual([]);
});

test('without a name it gets one; listed by name, and by labels', async () => {
  const where = place();
  const made = await Promise.all([
    Volume.create(where),
    Volume.create({ ...where, name: 'b', labels: { app: 'x' } }),
    Volume.create({ ...where, name: 'a', labels: { app: 'x', of: 'y' } }),
  ]);
  expect(made[0].name).toMatch(/^[0-9a-f]{64}$/);
  const names = (await Volume.list(where)).map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(names).toHaveLength(3);
  expect((await Volume.list({ ...where, labels: { app: 'x' } })).map(({ name }) => name)).toEqual(['a', 'b']);
  expect(await Volume.list({ ...where, labels: { app: 'x', of: 'z' } })).toEqual([]);
});

test('a directory that does not exist has no volumes; listing does not make it', async () => {
  const where = place();
  expect(await Volume.list(where)).toEqual([]);
  expect(existsSync(where.directory)).toBe(false);
  await expect(Volume.open('x', where)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a volume is data: one line, plain JSON, its directory closed to others', async () => {
  const where = place();
  const volume = await Volume.create({ name: 'x', ...where });
  expect(inspect(volume)).toBe('Volume x (local)');
  expect(JSON.parse(JSON.stringify(volume))).toEqual({ name: 'x', driver: 'local' });
  expect('close' in volume).toBe(false);
  expect(statSync(where.directory).mode & 0o777).toBe(0o700);
});

test('of many who make the same name one wins, in this process and in others', async () => {
  const where = place();
  const others = [program('act.mjs', where.directory), program('act.mjs', where.directory)];
  await Promise.all(others.map((other) => other.next()));
  for (let round = 0; round < scaled(20, 2); round++) {
    const name = `name${round}`;
    for (const other of others) other.say({ act: 'create', name });
    const own = Array.from({ length: 3 }, () => Volume.create({ name, ...where }));
    const said = [
      ...(await Promise.allSettled(own)).map((one) =>
        one.status === 'fulfilled' ? one.value.name : one.reason,
      ),
      ...(await Promise.all(others.map((other) => other.next()))),
    ];
    expect(said.filter((one) => one === name)).toHaveLength(1);
    for (const one of said.filter((it) => it !== name)) expect(one).toMatchObject({ code: 'EEXIST' });
  }
  expect(inStore(where.directory).filter((name) => name.includes('.'))).toEqual([]);
});

test('what nsnet did not make is left alone', async () => {
  const where = place();
  mkdirSync(join(where.directory, 'foreign/data'), { recursive: true });
  mkdirSync(join(where.directory, 'empty'));
  mkdirSync(join(where.directory, '.hidden'));
  symlinkSync('/etc', join(where.directory, 'link'));
  for (const name of ['foreign', 'empty', 'link']) {
    await expect(Volume.create({ name, ...where })).rejects.toMatchObject({
      code: 'EEXIST',
      subject: `volume '${name}'`,
    });
    await expect(Volume.open(name, where)).rejects.toMatchObject({ code: 'ENOENT' });
  }
  expect(await Volume.list(where)).toEqual([]);
  const volume = await Volume.create({ name: 'x', ...where });
  await volume.remove();
  expect(readdirSync(where.directory).sort()).toEqual(['.hidden', 'empty', 'foreign', 'link']);
});

test('labels written by hand, or not at all, do not keep it from being listed', async () => {
  const where = place();
  const volume = await Volume.create({ name: 'x', ...where });
  for (const text of ['', 'null', '[]', '{"labels":{"a":1,"b":"2"}}', '{"createdAt":"yesterday"}']) {
    writeFileSync(join(where.directory, 'x/volume.json'), text);
    const { labels, createdAt } = await volume.inspect();
    expect(labels).toEqual(text.includes('"b"') ? { b: '2' } : {});
    expect(createdAt).toBeGreaterThan(0);
  }
});

test.each(['', '.', '..', '../x', 'a/b', '/etc', '.hidden', '-rf', '_x', 'a b', 'ä', 'a\n', 'x'.repeat(256)])(
  'the name %j is refused before anything is done',
  async (name) => {
    const where = place();
    const refused = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
    await expect(Volume.create({ name, ...where })).rejects.toMatchObject(refused);
    await expect(Volume.open(name, where)).rejects.toMatchObject(refused);
    expect(existsSync(where.directory)).toBe(false);
  },
);

test('bad input is refused with what was expected', async () => {
  const where = place();
  const volume = await Volume.create({ name: 'x', ...where });
  const bad: [unknown, string][] = [
    [{ name: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ name: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ labels: { a: 1 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ labels: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ options: { size: '1G' } }, 'ERR_INVALID_ARG_VALUE'],
    [{ driver: {} }, 'ERR_INVALID_ARG_VALUE'],
    [{ directory: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ directory: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ lables: {} }, 'ERR_INVALID_ARG_VALUE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ];
  for (const [options, code] of bad) {
    const given = options === null ? options : { ...where, ...(options as object) };
    await expect(Volume.create(given as never)).rejects.toMatchObject({ code });
  }
  const calls = [
    () => volume.copyUp(1 as never),
    () => volume.copyUp({ fd: -1 }),
    () => volume.copyUp('/', { path: 'relative' }),
    () => volume.copyUp('/', { owners: 'drop' as never }),
    () => volume.copyUp('/', { devices: 1 as never }),
    () => volume.copyUp(''),
    () => volume.use({ copyUp: {} as never }),
    () => volume.remove({ force: true } as never),
  ];
  for (const call of calls)
    await expect(call()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(INVALID_ARG|OUT_OF)/) });
  expect(readdirSync(join(where.directory, 'x/data'))).toEqual([]);
});

test('a signal that is aborted already', async () => {
  const where = place();
  const volume = await Volume.create({ name: 'x', ...where });
  const signal = AbortSignal.abort('enough');
  const aborted = { name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' };
  await expect(Volume.create({ name: 'y', signal, ...where })).rejects.toMatchObject(aborted);
  await expect(Volume.open('x', { signal, ...where })).rejects.toMatchObject(aborted);
  await expect(Volume.list({ signal, ...where })).rejects.toMatchObject(aborted);
  await expect(volume.inspect({ signal })).rejects.toMatchObject(aborted);
  await expect(volume.use({ signal })).rejects.toMatchObject(aborted);
  await expect(volume.copyUp('/etc', { signal })).rejects.toMatchObject(aborted);
  await expect(volume.remove({ signal })).rejects.toMatchObject(aborted);
  expect(inStore(where.directory)).toEqual(['x']);
});

test('where volumes are by default', () => {
  const { XDG_DATA_HOME } = process.env;
  try {
    const root = process.geteuid?.() === 0;
    process.env.XDG_DATA_HOME = '/data/home';
    expect(defaultDirectory()).toBe(root ? '/var/lib/nsnet/volumes' : '/data/home/nsnet/volumes');
    process.env.XDG_DATA_HOME = 'relative';
    expect(defaultDirectory()).toMatch(root ? /^\/var\/lib\// : /^\/.*\/\.local\/share\/nsnet\/volumes$/);
  } finally {
    if (XDG_DATA_HOME === undefined) delete process.env.XDG_DATA_HOME;
    else process.env.XDG_DATA_HOME = XDG_DATA_HOME;
  }
});

describe("somebody else's storage", () => {
  class Memory implements VolumeDriver {
    readonly name: string = 'memory';
    readonly said: unknown[] = [];
    readonly made = new Map<string, VolumeInfo>();
    async create({ name, labels, options }: Parameters<VolumeDriver['create']>[0]) {
      this.said.push(options);
      this.made.set(name, { name, driver: this.name, labels, createdAt: 1, inUse: false, users: [] });
    }
    async inspect(name: string) {
      const info = this.made.get(name);
      if (!info) throw Object.assign(new Error('ENOENT: no such volume'), { code: 'ENOENT' });
      return info;
    }
    async list() {
      return [...this.made.values()];
    }
    async remove(name: string) {
      this.made.delete(name);
    }
    async open(name: string) {
      this.said.push(`mounted ${name}`);
      return { path: `/memory/${name}`, close: async () => void this.said.push(`unmounted ${name}`) };
    }
  }

  test('is asked for all of it', async () => {
    const driver = new Memory();
    const volume = await Volume.create({ name: 'x', driver, labels: { a: 'b' }, options: { size: '1G' } });
    expect(`${volume}`).toBe('Volume x (memory)');
    expect(await Volume.list({ driver, labels: { a: 'b' } })).toEqual([await volume.inspect()]);
    const use = await volume.use();
    expect(use.path).toBe('/memory/x');
    await use.close();
    await use.close();
    await expect(volume.copyUp('/etc')).rejects.toMatchObject({ code: 'ERR_NSNET_UNSUPPORTED' });
    await expect(volume.use({ copyUp: { from: '/etc' } })).rejects.toMatchObject({
      code: 'ERR_NSNET_UNSUPPORTED',
    });
    await volume.remove();
    await expect(Volume.open('x', { driver })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(driver.said).toEqual([{ size: '1G' }, 'mounted x', 'unmounted x']);
  });

  test('is checked', async () => {
    const refuse = (driver: unknown) =>
      expect(Volume.list({ driver: driver as never })).rejects.toThrow(TypeError);
    await refuse({ name: 'x' });
    await refuse(Object.assign(new Memory(), { name: '../x' }));
    await refuse(Object.assign(new Memory(), { copyUp: 1 }));
    await expect(Volume.list({ driver: new Memory(), directory: '/x' })).rejects.toThrow(TypeError);
  });
});

test('volume.json is what the documentation says', async () => {
  const where = place();
  await Volume.create({ name: 'x', labels: { a: 'b' }, ...where });
  const said = JSON.parse(readFileSync(join(where.directory, 'x/volume.json'), 'utf8'));
  expect(said).toEqual({ labels: { a: 'b' }, createdAt: expect.any(Number) });
});
