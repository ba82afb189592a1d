// @kernels
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { Namespace, Netns, NsnetError } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { Child } from '../fixtures/native/child.js';
import { EVERY_TYPE, hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';

const linkOf = (pid: number, type: string) => readlinkSync(`/proc/${pid}/ns/${type}`);

async function linkAt(made: Promise<Namespace>): Promise<string> {
  await using namespace = await made;
  return readlinkSync(`/proc/self/fd/${namespace.fd}`);
}

async function refusal(pid: unknown): Promise<{ code: string; subject?: string }> {
  const [first, second] = await Promise.all(
    [Namespace.ofProcess(pid as number, 'net'), Netns.ofProcess(pid as number)].map((made) =>
      made.then(
        () => 'done',
        (error) => error,
      ),
    ),
  );
  expect(first).toMatchObject({ code: (second as NsnetError).code });
  return first as never;
}

test('every namespace of another process', async () => {
  const holder = await hold();
  for (const type of EVERY_TYPE.filter((one) => existsSync(`/proc/self/ns/${one}`))) {
    expect(linkOf(holder.pid, type)).not.toBe(linkOf(process.pid, type));
    expect(await linkAt(Namespace.ofProcess(holder.pid, type))).toBe(linkOf(holder.pid, type));
  }
  expect(await linkAt(Netns.ofProcess({ pid: holder.pid }))).toBe(linkOf(holder.pid, 'net'));
  await holder.end();
});

describe('refused', () => {
  test('a process that has ended', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    expect(await refusal(child.pid)).toMatchObject({ code: 'ESRCH', subject: `process ${child.pid}` });
  });

  test('a process that has ended and was not waited for', async () => {
    const child = new Child('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 600']);
    const pid = await child.next<number>();
    while (!/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await new Promise(setImmediate);
    expect(await refusal(pid)).toMatchObject({ code: 'ESRCH', subject: `process ${pid}` });
    await child.kill();
  });

  test('a thread that is no process', async () => {
    const threads = readdirSync('/proc/self/task').map(Number);
    const thread = threads.find((id) => id !== process.pid)!;
    const error = await refusal(thread);
    expect(error).toBeInstanceOf(NsnetError);
    // EINVAL; ENOENT from 6.16 on.
    expect(['EINVAL', 'ENOENT']).toContain(error.code);
  });

  test.runIf(!privileged)('a process of another user', async () => {
    const error = await refusal(1);
    expect(error).toBeInstanceOf(NsnetError);
    expect(error).toMatchObject({
      subject: 'process 1',
      hint: expect.stringMatching(/another user's, .* CAP_SYS_PTRACE|a security module/),
    });
    expect(error.code).toBe('EACCES');
  });

  test.each([
    [0, 'ERR_OUT_OF_RANGE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [1.5, 'ERR_OUT_OF_RANGE'],
    [2 ** 31, 'ERR_OUT_OF_RANGE'],
    [Number.NaN, 'ERR_OUT_OF_RANGE'],
    ['1', 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
  ])('%s', async (pid, code) => {
    expect(await refusal(pid)).toMatchObject({ code });
  });
});

const LAST_PID = '/proc/sys/kernel/ns_last_pid';

// Only root may choose the next pid.
test.runIf(privileged && existsSync(LAST_PID))('a pid that means another process by now', async () => {
  const first = await hold();
  const { pid } = first;
  const gone = linkOf(pid, 'net');
  await using kept = await Netns.ofProcess(pid);
  await first.end();
  let again: Child | undefined;
  for (let tries = 0; again?.pid !== pid && tries < 200; tries++) {
    await again?.kill();
    writeFileSync(LAST_PID, String(pid - 1));
    again = new Child('sleep', ['600']);
  }
  if (again?.pid === pid) expect(await linkAt(Netns.ofProcess(pid))).toBe(linkOf(process.pid, 'net'));
  expect(readlinkSync(`/proc/self/fd/${kept.fd}`)).toBe(gone);
  await again?.kill();
});
