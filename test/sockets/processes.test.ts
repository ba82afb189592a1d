import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

describe('what keeps a program running', () => {
  test.each([
    ['idle', ''],
    ['running', '3 received\n'],
    ['waiting', '1 sent\n'],
    ['broken', 'broken off\n'],
    ['aborted', 'AbortError\n'],
    ['closed', '0 lost\n'],
  ])('%s: it ends by itself', async (story, output) => {
    expect(await run(process.execPath, [program('alive'), story])).toBe(output);
  });

  test('forever: it does not', async () => {
    const child = spawn(process.execPath, [program('alive'), 'forever']);
    await once(child.stdout, 'data');
    const ended = once(child, 'exit');
    const early = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500, 'running'))]);
    expect(early).toBe('running');
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
  });
});

test('a worker terminated in the middle', async () => {
  for (let i = 0; i < scaled(20, 2); i++) {
    const worker = new Worker(program('worker'));
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, i * 2));
    await worker.terminate();
  }
});

describe('without CAP_NET_RAW', () => {
  /** Runs the program as somebody who may nothing, in a new namespace in which nobody may use ping sockets but the groups of `range`. */
  async function inside(range?: string): Promise<{ type?: string; code?: string }[]> {
    const allow = range === undefined ? '' : `echo "${range}" > /proc/sys/net/ipv4/ping_group_range && `;
    const user = privileged ? '--reuid 65534 --regid 65534 --clear-groups' : '--inh-caps=-all';
    const command = `ip link set lo up && ${allow}exec setpriv ${user} --bounding-set=-all "$@"`;
    const unshare = privileged ? ['--net'] : ['--user', '--map-root-user', '--net'];
    const args = [...unshare, 'sh', '-c', command, 'sh', process.execPath, program('current')];
    return JSON.parse(await run('unshare', args));
  }

  const own = privileged ? '65534 65534' : '0 0';

  test('by a ping socket, where the sysctl has this group in it', async () => {
    const reply = (from: string, sequence: number, bytes: number, ttl: number) => ({
      sequence,
      type: 'reply',
      from,
      ttl,
      bytes,
      rtt: expect.any(Number),
    });
    expect(await inside(own)).toEqual([
      reply('127.0.0.1', 1, 64, 64),
      reply('127.0.0.1', 2, 64, 64),
      reply('127.0.0.1', 1, 2008, 64),
      reply('127.0.0.1', 2, 2008, 64),
      reply('::1', 1, 64, 64),
      reply('::1', 2, 64, 64),
    ]);
  });

  test('else it is refused, with both cures', async () => {
    const results = await inside();
    expect(results).toHaveLength(3);
    for (const result of results) {
      expect(result).toMatchObject({
        code: 'EPERM',
        syscall: 'socket',
        message: expect.stringContaining("from this process's netns"),
        hint: expect.stringMatching(/CAP_NET_RAW.*net\.ipv4\.ping_group_range/),
      });
    }
  });
});
