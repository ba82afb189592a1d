// A group's life: made, opened, limited, filled, emptied, closed, and undone where something fails.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Cgroup, NsnetError, Scope } from 'nsnet';
import { afterAll, describe, expect, test } from 'vitest';
import { Child, patience } from '../../fixtures/native/child.js';
import { scaled } from '../../support/scale.js';
import {
  Actor,
  able,
  alive,
  collect,
  foundBelow,
  groupOf,
  hybrid,
  isThere,
  newName,
  Parked,
  parkedIn,
  v2,
} from './support.js';

const wait = { timeout: patience(5_000), interval: 20 };

test.runIf(!able)('an ordinary user to whom nothing is delegated is told so, and the cure', async () => {
  const before = foundBelow();
  const error = await Cgroup.create('x').catch((refused) => refused);
  expect(error).toBeInstanceOf(NsnetError);
  expect(['EACCES', 'EPERM', 'EROFS']).toContain(error.code);
  expect(error).toMatchObject({ syscall: 'mkdirat', subject: expect.stringContaining("cgroup 'x'") });
  expect(error.hint).toMatch(/group|cgroup/);
  await expect(Cgroup.open('x')).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await collect()).toEqual([]);
  expect(foundBelow()).toEqual(before);
});

describe.runIf(able)('a group', () => {
  afterAll(() => expect(foundBelow()).toEqual([]));

  test('is made and removed, in every hierarchy; again is no error', async () => {
    const name = newName();
    const cgroup = await Cgroup.create(name);
    expect(cgroup).toMatchObject({ name, owned: true, closed: false });
    expect(existsSync(`${cgroup.path}/cgroup.procs`)).toBe(true);
    expect(inspect(cgroup)).toBe(`Cgroup ${name} at ${cgroup.path}`);
    expect(JSON.parse(JSON.stringify(cgroup))).toEqual({
      name,
      path: cgroup.path,
      version: v2 || hybrid ? 2 : 1,
    });
    const controllers = await cgroup.controllers();
    for (const path of Object.values(controllers)) expect(path).toMatch(new RegExp(`/nsnet/${name}$`));
    expect(Object.keys(controllers)).toEqual(expect.arrayContaining(['memory', 'pids']));
    await cgroup.close();
    await cgroup.close();
    expect(isThere(name)).toBe(false);
    await expect(cgroup.set({})).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    expect(() => cgroup.events()).toThrow(expect.objectContaining({ code: 'ERR_NSNET_CLOSED' }));
  });

  test('of a name that is taken is EEXIST, of many at once one wins', async () => {
    const name = newName();
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => Cgroup.create(name)));
    const [made, ...others] = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(others).toEqual([]);
    for (const one of all)
      if (one.status === 'rejected')
        expect(one.reason).toMatchObject({ code: 'EEXIST', subject: `cgroup '${name}'` });
    await made?.close();
    expect(isThere(name)).toBe(false);
  });

  test('is opened by name, here and elsewhere; closing what was opened only lets go', async () => {
    const cgroup = await groupOf({ pids: { max: 7 } });
    const again = await Cgroup.open(cgroup.name);
    expect(again).toMatchObject({ owned: false, path: cgroup.path });
    expect((await again.limits()).pids).toEqual({ max: 7 });
    await again.close();
    const other = await Actor.start();
    expect(await other.do('open', { name: cgroup.name })).toBe(cgroup.path);
    await other.do('close', { name: cgroup.name });
    expect(isThere(cgroup.name)).toBe(true);
    await expect(Cgroup.open(newName())).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
  });

  test('has its limits, and sets others', async () => {
    const cgroup = await groupOf({
      cpu: { quota: 0.25, weight: 50 },
      cpuset: { cpus: '0' },
      memory: { max: '64M' },
      pids: { max: 10 },
    });
    expect(await cgroup.limits()).toMatchObject({
      cpu: { quota: 0.25, weight: 50 },
      cpuset: { cpus: '0' },
      memory: { max: 64 * 2 ** 20 },
      pids: { max: 10 },
    });
    await cgroup.set({
      cpu: { quota: 1.5, period: 20 },
      memory: { max: 2 ** 20 * 128 },
      pids: { max: null },
    });
    const limits = await cgroup.limits();
    expect(limits).toMatchObject({ cpu: { quota: 1.5, period: 20, weight: 50 }, memory: { max: 2 ** 27 } });
    expect(limits.pids).toBeUndefined();
    await cgroup.set({ cpu: { quota: null }, memory: { max: null } });
    const { cpu, memory } = await cgroup.limits();
    expect(cpu).toEqual({ period: 20, weight: 50 });
    expect(memory?.max).toBeUndefined();
    await cgroup.set(await cgroup.limits());
    expect((await cgroup.limits()).cpu).toEqual({ period: 20, weight: 50 });
    expect(structuredClone(limits)).toEqual(JSON.parse(JSON.stringify(limits)));
  });

  test('memory goes up and down, with swap in step', async () => {
    const cgroup = await groupOf({ memory: { max: '64M' } });
    const refused = await cgroup.set({ memory: { swap: '16M' } }).catch((error) => error);
    if (refused) {
      // Without swap accounting there is no such file.
      expect(refused).toMatchObject({ code: 'ERR_NSNET_UNSUPPORTED' });
      return;
    }
    for (const max of [32, 256, 16, 128]) {
      await cgroup.set({ memory: { max: max * 2 ** 20 } });
      expect((await cgroup.limits()).memory).toEqual({ max: max * 2 ** 20, swap: 2 ** 24 });
    }
    await cgroup.set({ memory: { swap: 0 } });
    expect((await cgroup.limits()).memory).toEqual({ max: 2 ** 27, swap: 0 });
    await cgroup.set({ memory: { max: null, swap: null } });
    expect((await cgroup.limits()).memory ?? {}).toEqual({});
  });

  test('sets all of its limits or none', async () => {
    const cgroup = await groupOf({ cpu: { quota: 0.5 }, memory: { max: '64M' }, pids: { max: 10 } });
    const before = await cgroup.limits();
    const devices = { '4095:1': { readBytes: 1000 } };
    await expect(
      cgroup.set({
        memory: { max: '32M' },
        pids: { max: 5 },
        cpu: { quota: 0.1, weight: 7 },
        io: { devices },
      }),
    ).rejects.toMatchObject({
      code: 'ENODEV',
      subject: expect.stringMatching(/^(io|blkio)\..* of cgroup 't/),
    });
    expect(await cgroup.limits()).toMatchObject(before);
    await expect(cgroup.set({ pids: { max: 5 }, cpuset: { cpus: '4000' } })).rejects.toBeInstanceOf(
      NsnetError,
    );
    expect(await cgroup.limits()).toMatchObject(before);
    await Promise.all(Array.from({ length: scaled(20, 3) }, (_, i) => cgroup.set({ pids: { max: i + 1 } })));
    expect((await cgroup.limits()).pids).toEqual({ max: scaled(20, 3) });
  });

  test('leaves nothing behind if it cannot be made', async () => {
    const before = foundBelow();
    const name = newName();
    await expect(Cgroup.create(name, { cpuset: { cpus: '4000' } })).rejects.toBeInstanceOf(NsnetError);
    await expect(Cgroup.create(`${name}/below`)).rejects.toMatchObject({
      code: 'ENOENT',
      hint: `There is no cgroup '${name}' to make it in`,
    });
    expect(foundBelow()).toEqual(before);
  });

  test('takes processes with all that they start, and tells which', async () => {
    const cgroup = await groupOf();
    const child = await parkedIn(cgroup, 'sleep 1000 & echo $!; wait');
    expect(await cgroup.processes()).toEqual([child.pid]);
    const grandchild = await child.go().next<number>();
    expect(await cgroup.processes()).toEqual([child.pid, grandchild].sort((a, b) => a - b));
    for (const path of new Set(Object.values(await cgroup.controllers()))) {
      expect(readFileSync(`${path}/cgroup.procs`, 'utf8').trim().split('\n').map(Number)).toEqual(
        expect.arrayContaining([child.pid, grandchild]),
      );
    }
    const stats = await cgroup.stats();
    expect(stats.pids?.current).toBe(2);
    expect(stats.memory?.usage).toBeGreaterThan(0);
    expect(structuredClone(stats)).toEqual(JSON.parse(JSON.stringify(stats)));
    await cgroup.kill();
    expect(await cgroup.processes()).toEqual([]);
    expect([child.pid, grandchild].some(alive)).toBe(false);
  });

  test('a process that has ended cannot be added: ESRCH', async () => {
    const cgroup = await groupOf();
    const child = new Parked('true');
    await child.go().ended;
    await expect(cgroup.add(child.pid)).rejects.toMatchObject({
      code: 'ESRCH',
      subject: expect.stringContaining(`process ${child.pid}`),
    });
  });

  test.runIf(hybrid)('is joined in every hierarchy or in none', async () => {
    const cgroup = await groupOf();
    // v1's cpu takes no process of real-time priority into a group without time for it (CONFIG_RT_GROUP_SCHED).
    const child = new Child('chrt', ['-f', '1', 'sh', '-c', 'echo 1; read go']);
    expect(await child.next()).toBe(1);
    const where = () => readFileSync(`/proc/${child.pid}/cgroup`, 'utf8');
    const before = where();
    const refused = await cgroup.add(child.pid).catch((error) => error);
    if (existsSync('/sys/fs/cgroup/cpu/cpu.rt_runtime_us')) {
      expect(refused).toMatchObject({
        code: 'EINVAL',
        subject: `process ${child.pid} to cgroup '${cgroup.name}'`,
      });
      expect(refused.notUndone).toBeUndefined();
      expect(where()).toBe(before);
    } else expect(where()).not.toBe(before);
  });

  test('an object with a pid is a process', async () => {
    const cgroup = await groupOf();
    const child = new Parked('true');
    await cgroup.add(child.process as { pid: number });
    expect(await cgroup.processes()).toEqual([child.pid]);
  });

  test('with processes is not deleted, but closed: they are ended', async () => {
    const name = newName();
    const cgroup = await Cgroup.create(name);
    const child = await parkedIn(cgroup, 'sleep 1000');
    await expect(cgroup.delete()).rejects.toMatchObject({
      code: 'EBUSY',
      subject: `cgroup '${name}' with process ${child.pid}`,
      hint: expect.stringContaining('kill()'),
    });
    expect(await cgroup.processes()).toEqual([child.pid]);
    await cgroup.close();
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(isThere(name)).toBe(false);
  });

  test('is deleted by whoever opened it; the owner closes all the same', async () => {
    const cgroup = await groupOf();
    const again = await Cgroup.open(cgroup.name);
    await again.delete();
    await again.delete();
    expect(isThere(cgroup.name)).toBe(false);
    await expect(again.set({ pids: { max: 1 } })).rejects.toBeInstanceOf(NsnetError);
    await again.close();
    await cgroup.close();
  });

  test('goes with the groups below it, those of its programs too', async () => {
    const cgroup = await groupOf();
    const below = await groupOf({ pids: { max: 3 } }, `${cgroup.name}/a`);
    expect(below.path).toBe(`${cgroup.path}/a`);
    await groupOf({}, `${cgroup.name}/a/b`);
    const child = await parkedIn(below, 'sleep 1000');
    expect(await cgroup.processes()).toEqual([child.pid]);
    await cgroup.close();
    expect(isThere(cgroup.name)).toBe(false);
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  test('that was released stays, gc() included, until it is deleted', async () => {
    const name = newName();
    const cgroup = await Cgroup.create(name);
    expect(cgroup.release().owned).toBe(false);
    await cgroup.close();
    expect(await collect()).toEqual([]);
    expect(isThere(name)).toBe(true);
    await using again = await Cgroup.open(name);
    await again.delete();
    expect(isThere(name)).toBe(false);
  });

  test('in which this process is: it is taken out before, and is not frozen or killed', async () => {
    const actor = await Actor.start();
    const name = newName();
    const before = await actor.do('where');
    await actor.do('create', { name });
    await actor.do('add', { name });
    expect(await actor.do('processes', { name })).toEqual([actor.pid]);
    expect(await actor.do('where')).not.toEqual(before);
    expect(await actor.do('freeze', { name })).toMatchObject({ code: 'EDEADLK' });
    expect(await actor.do('kill', { name })).toMatchObject({ code: 'EDEADLK' });
    const other = newName();
    expect(await actor.do('create', { name: other })).not.toContain(name);
    await actor.do('close', { name: other });
    expect(await actor.do('close', { name })).toBe('done');
    expect(await actor.do('where')).toEqual(before);
    expect(await actor.end()).toMatchObject({ code: 0, error: '' });
  });

  test('stops standing still, and goes on', async () => {
    const cgroup = await groupOf();
    const child = await parkedIn(cgroup, 'while :; do echo 1; read go; done');
    expect(await child.go().next()).toBe(1);
    await cgroup.freeze();
    await cgroup.freeze();
    child.go();
    const next = child.next();
    const first = await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 300, 'still'))]);
    expect(first).toBe('still');
    await cgroup.thaw();
    expect(await next).toBe(1);
    await cgroup.freeze();
    await cgroup.kill();
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  test('aborted: nothing is made, nothing changes', async () => {
    const name = newName();
    const aborted = { signal: AbortSignal.abort(new Error('enough')) };
    await expect(Cgroup.create(name, {}, aborted)).rejects.toMatchObject({ name: 'AbortError' });
    for (let tenths = 0; tenths < 20; tenths++) {
      const signal = AbortSignal.timeout(tenths);
      const made = await Cgroup.create(name, { pids: { max: 2 } }, { signal }).catch((error) => error);
      if (made instanceof Cgroup) await made.close();
      else expect(made).toMatchObject({ name: 'AbortError' });
      expect(isThere(name)).toBe(false);
    }
    const cgroup = await groupOf({ pids: { max: 2 } }, name);
    await expect(cgroup.set({ pids: { max: 3 } }, aborted)).rejects.toMatchObject({ name: 'AbortError' });
    expect((await cgroup.limits()).pids).toEqual({ max: 2 });
  });

  test('many at once, in a Scope', async () => {
    const names = Array.from({ length: scaled(30, 3) }, newName);
    {
      await using scope = new Scope();
      const all = await Promise.all(
        names.map((name) => scope.use(Cgroup.create(name, { pids: { max: 3 } }))),
      );
      expect(new Set(all.map(({ path }) => path)).size).toBe(names.length);
    }
    for (const name of names) expect(isThere(name)).toBe(false);
  });

  test('of a Worker that is terminated: gc() finds it, with what runs in it', async () => {
    const name = newName();
    const child = new Parked('sleep 1000');
    const script = `import('nsnet').then(async ({ Cgroup }) => {
      const made = await Cgroup.create('${name}', { pids: { max: 5 } });
      await made.add(${child.pid});
      globalThis.made = made;
      made.events().next();
      require('node:worker_threads').parentPort.postMessage('ready');
    })`;
    const worker = new Worker(script, { eval: true });
    const [said] = await Promise.race([once(worker, 'message'), once(worker, 'error')]);
    expect(said).toBe('ready');
    expect(await collect()).toEqual([]);
    await worker.terminate();
    await expect.poll(async () => collect(), wait).toEqual([name]);
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  test('of a process that was killed: gc() removes it, what runs in it ends; create() does so by itself', async () => {
    for (const way of ['gc', 'create'] as const) {
      const name = newName();
      const owner = await Actor.start();
      const child = new Parked('sleep 1000');
      await owner.do('create', { name, limits: { pids: { max: 5 } } });
      await owner.do('create', { name: `${name}/below` });
      await owner.do('add', { name: `${name}/below`, pid: child.pid });
      expect(await collect()).toEqual([]);
      await expect(Cgroup.create(name)).rejects.toMatchObject({ code: 'EEXIST' });
      await owner.kill();
      expect(isThere(name)).toBe(true);
      if (way === 'gc') expect(await collect()).toEqual([name]);
      else await (await Cgroup.create(name)).close();
      expect(isThere(name)).toBe(false);
      expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
    }
  });

  test('that somebody else has opened outlives its owner', async () => {
    const name = newName();
    const owner = await Actor.start();
    await owner.do('create', { name });
    const held = await Cgroup.open(name);
    await owner.kill();
    expect(await collect()).toEqual([]);
    await held.close();
    expect(await collect()).toEqual([name]);
  });

  test('killed at any moment of its making, it is found', async () => {
    for (let i = 0; i < scaled(20, 2); i++) {
      const name = newName();
      const owner = await Actor.start();
      owner.say({ act: 'create', name, limits: { pids: { max: 5 } } });
      await new Promise((resolve) => setTimeout(resolve, i * 0.5));
      await owner.kill();
      await collect();
      expect(isThere(name)).toBe(false);
    }
  });
});
