// v2's rules: a group that was delegated, to root and to an ordinary user; processes only in the leaves.

import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { patience } from '../../fixtures/native/child.js';
import { Actor, able, newName, Parked, v2 } from './support.js';

const ROOT = '/sys/fs/cgroup';

function remove(path: string, names: string[]): void {
  for (const below of [...names, '']) {
    try {
      rmdirSync(`${path}/${below}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** A group that somebody else has made, as systemd makes a unit's. */
function unit({ uid = 0 } = {}): string {
  writeFileSync(`${ROOT}/cgroup.subtree_control`, '+memory +pids +cpu');
  const path = `${ROOT}/unit-${newName()}`;
  mkdirSync(path);
  onTestFinished(async () => {
    await expect
      .poll(() => readFileSync(`${path}/cgroup.events`, 'utf8'), { timeout: patience(5_000) })
      .toContain('populated 0');
    remove(path, ['nsnet/.self', 'nsnet', 'sub']);
  });
  if (uid > 0)
    for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control', '/cgroup.threads'])
      chownSync(path + file, uid, uid);
  return path;
}

/** Starts a program in a group, as an ordinary user or not, so that it has never been anywhere else. */
const within = (path: string, uid = 0): string[] => {
  const become = uid === 0 ? '' : `setpriv --reuid=${uid} --regid=${uid} --clear-groups `;
  return ['sh', '-ec', `echo $$ >${path}/cgroup.procs; exec ${become}"$@"`, 'sh'];
};

const own = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().replace('0::', ROOT);

describe.runIf(able && v2)('delegation', () => {
  test.each([0, 65534])('of the own group to user %i: left for one below it', async (uid) => {
    const path = unit({ uid });
    if (uid === 0) setDelegate(path);
    const actor = await Actor.start(...within(path, uid));
    const name = newName();
    expect(own(actor.pid)).toBe(path);
    const made = await actor.do('create', { name, limits: { memory: { max: '64M' }, pids: { max: 5 } } });
    expect(made).toBe(`${path}/nsnet/${name}`);
    expect(own(actor.pid)).toBe(`${path}/nsnet/.self`);
    expect(await actor.do('limits', { name })).toMatchObject({ memory: { max: 2 ** 26 }, pids: { max: 5 } });
    expect(await actor.do('set', { name, limits: { cpu: { quota: 0.5 } } })).toBe('done');
    expect(await actor.do('controllers', { name })).toMatchObject({ cpu: made, memory: made, pids: made });
    expect(await actor.do('add', { name })).toBe('done');
    expect(own(actor.pid)).toBe(made);
    const second = newName();
    expect(await actor.do('create', { name: second })).toBe(`${path}/nsnet/${second}`);
    expect(await actor.do('close', { name: second })).toBe('done');
    expect(await actor.do('close', { name })).toBe('done');
    expect(own(actor.pid)).toBe(`${path}/nsnet/.self`);
    expect(await actor.end()).toMatchObject({ code: 0, error: '' });
  });

  test('of the group above to an ordinary user: this one stays where it is', async () => {
    const path = unit({ uid: 65534 });
    mkdirSync(`${path}/sub`);
    const actor = await Actor.start(...within(`${path}/sub`, 65534));
    const name = newName();
    expect(await actor.do('create', { name, limits: { pids: { max: 5 } } })).toBe(`${path}/nsnet/${name}`);
    expect(own(actor.pid)).toBe(`${path}/sub`);
    await actor.do('close', { name });
    await actor.end();
  });

  test('to nobody: an ordinary user is told the cure; what is not delegated, too', async () => {
    const path = unit();
    const actor = await Actor.start(...within(path, 65534));
    expect(await actor.do('create', { name: newName() })).toMatchObject({
      code: 'EACCES',
      hint: expect.stringMatching(/delegated|group of its own/),
    });
    expect(own(actor.pid)).toBe(path);
    await actor.end();
    const without = unit({ uid: 65534 });
    writeFileSync(`${ROOT}/cgroup.subtree_control`, '-cpu');
    const other = await Actor.start(...within(without, 65534));
    const name = newName();
    expect(await other.do('create', { name, limits: { cpu: { quota: 0.5 } } })).toMatchObject({
      code: 'ERR_NSNET_UNSUPPORTED',
      message: expect.stringContaining('the cpu controller is not there'),
      hint: expect.stringContaining('Delegate=cpu cpuset io memory pids'),
    });
    expect(await other.do('create', { name, limits: { pids: { max: 5 } } })).toBe(`${without}/nsnet/${name}`);
    await other.do('close', { name });
    await other.end();
  });

  test('a group with processes cannot limit those below it', async () => {
    const path = unit();
    setDelegate(path);
    const actor = await Actor.start(...within(path));
    const name = newName();
    const child = new Parked('sleep 1000');
    await actor.do('create', { name });
    await actor.do('add', { name, pid: child.pid });
    expect(await actor.do('create', { name: `${name}/below`, limits: { pids: { max: 1 } } })).toMatchObject({
      code: 'EBUSY',
      hint: expect.stringContaining('either processes or limits'),
    });
    await actor.do('kill', { name });
    expect(await actor.do('create', { name: `${name}/below`, limits: { pids: { max: 1 } } })).toBe(
      `${path}/nsnet/${name}/below`,
    );
    expect(await actor.do('add', { name, pid: actor.pid })).toMatchObject({ code: 'EBUSY' });
    expect(own(actor.pid)).toBe(`${path}/nsnet/.self`);
    await actor.do('close', { name: `${name}/below` });
    await actor.do('close', { name });
    await actor.end();
  });
});

/** As systemd marks what it delegates. */
function setDelegate(path: string): void {
  const { status } = spawnSync('python3', [
    '-c',
    `import os; os.setxattr('${path}', 'trusted.delegate', b'1')`,
  ]);
  expect(status).toBe(0);
}
