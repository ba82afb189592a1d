// cgroup v1 alone: the same without the v2 hierarchy beside it, which is taken away in a mount namespace.
import { describe, expect, onTestFinished, test } from 'vitest';
import { Actor, able, alive, hybrid, newName, Parked } from './support.js';

const ALONE = ['unshare', '--mount', 'sh', '-ec', 'umount /sys/fs/cgroup/unified; exec "$@"', 'sh'];

/** An actor that sees v1 alone, with a group of it. */
async function actorWith(limits: object) {
  const actor = await Actor.start(...ALONE);
  const name = newName();
  onTestFinished(async () => {
    actor.say({ act: 'close', name });
    await actor.end();
  });
  const path = await actor.do<string>('create', { name, limits });
  return { actor, name, path };
}

describe.runIf(able && hybrid)('v1 alone', () => {
  test('limits, counts and takes processes', async () => {
    const given = { cpu: { quota: 0.5 }, memory: { max: '64M' }, pids: { max: 4 } };
    const { actor, name, path } = await actorWith(given);
    expect(path).not.toContain('unified');
    expect(await actor.do('limits', { name })).toMatchObject({ cpu: { quota: 0.5 }, pids: { max: 4 } });
    const child = new Parked('sleep 1000');
    expect(await actor.do('add', { name, pid: child.pid })).toBe('done');
    expect(await actor.do('processes', { name })).toEqual([child.pid]);
    expect(await actor.do('stats', { name })).toMatchObject({
      cpu: { usage: expect.any(Number), throttled: 0 },
      memory: { usage: expect.any(Number), oomKill: 0 },
      pids: { current: 1 },
    });
  });

  test('freezes, thaws and kills, frozen ones and those that fork all the time', async () => {
    const { actor, name } = await actorWith({ pids: { max: 50 } });
    const child = new Parked('while :; do echo 1; read go; done');
    await actor.do('add', { name, pid: child.pid });
    expect(await child.go().next()).toBe(1);
    expect(await actor.do('freeze', { name })).toBe('done');
    const next = child.go().next();
    expect(await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 300, 'still'))])).toBe(
      'still',
    );
    expect(await actor.do('thaw', { name })).toBe('done');
    expect(await next).toBe(1);
    const bomb = new Parked('exec 2>/dev/null; f() { f | f & sleep 1000; }; f');
    await actor.do('add', { name, pid: bomb.pid });
    bomb.go();
    await actor.do('freeze', { name });
    expect(await actor.do('kill', { name })).toBe('done');
    expect(await actor.do('processes', { name })).toEqual([]);
    expect([child.pid, bomb.pid].some(alive)).toBe(false);
  });

  test.each([
    ['oomKill', { memory: { max: '32M' } }, 'exec python3 -c "x = bytearray(200 << 20)"'],
    ['empty', {}, 'true'],
  ])('tells of %s', async (type, limits, script) => {
    const { actor, name } = await actorWith(limits);
    const child = new Parked(script);
    await actor.do('add', { name, pid: child.pid });
    await actor.do('listen', { name });
    child.go();
    const seen: string[] = [];
    while (!seen.includes('empty')) seen.push((await actor.do<{ type: string }>('event', { name })).type);
    expect(seen).toContain(type);
    if (type === 'oomKill')
      expect(await actor.do('stats', { name })).toMatchObject({ memory: { oomKill: 1 } });
  });

  test('what was left behind is removed', async () => {
    const { actor, name } = await actorWith({ pids: { max: 5 } });
    const child = new Parked('sleep 1000');
    await actor.do('add', { name, pid: child.pid });
    await actor.kill();
    const other = await Actor.start(...ALONE);
    expect(await other.do('gc')).toContain(name);
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
    await other.end();
  });
});
