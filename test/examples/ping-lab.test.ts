import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Netns } from 'nsnet';
import { beforeAll, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scale } from '../support/scale.js';
import { run } from '../support/witness.js';

const program = fileURLToPath(new URL('../../build/examples/ping-lab.js', import.meta.url));

interface Outcome {
  code: number | null;
  output: string;
  error: string;
}

/** Runs the lab; `during` is given what it has printed so far, and the process. */
async function lab(
  args: string[],
  during: (output: string, child: ReturnType<typeof spawn>) => void = () => {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let error = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    during(output, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    error += text;
  });
  const [code] = await once(child, 'close');
  return { code, output, error };
}

const pinned = () => {
  try {
    return readdirSync('/run/netns').filter((name) => name.startsWith('test'));
  } catch {
    return [];
  }
};

describe('the whole of it', () => {
  let outcome: Outcome;
  let took: number;
  let steps: Map<string, string>;

  beforeAll(async () => {
    const began = performance.now();
    outcome = await lab([]);
    took = performance.now() - began;
    const parts = outcome.output.split(/^── (.*) ──$/m);
    steps = new Map(parts.slice(1).flatMap((part, i) => (i % 2 ? [] : [[part, parts[i + 2] ?? '']])));
  });

  test('ends well, within five seconds, and leaves nothing', () => {
    expect(outcome).toMatchObject({ code: 0, error: '' });
    if (scale >= 1) expect(took).toBeLessThan(5000);
    expect(pinned()).toEqual([]);
  });

  test('its steps are the document’s', () => {
    expect([...steps.keys()]).toEqual([
      'Before',
      '1. Two namespaces',
      '2. A cable',
      '3. Addresses',
      '4. Both ends up',
      '5. A ping across',
    ]);
  });

  test('no colours where there is no terminal', () => {
    expect(outcome.output).not.toContain('\x1b');
  });

  const links = (step: string) => steps.get(step)?.match(/^\d+: \S+ <.*$/gm);
  const addresses = (step: string) => steps.get(step)?.match(/^ {4}inet .*$/gm);

  test('1: two namespaces with nothing but lo, which is down', () => {
    expect(steps.get('1. Two namespaces')).toMatch(/^test1$/m);
    expect(steps.get('1. Two namespaces')).toMatch(/^test2$/m);
    const lo = '1: lo: <LOOPBACK> mtu 65536 qdisc noop state DOWN group default qlen 1000';
    expect(links('1. Two namespaces')).toEqual([lo, lo]);
  });

  test('2 and 3: a cable whose ends are down, then with addresses', () => {
    const down = (name: string) =>
      `2: ${name}@if2: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000`;
    for (const step of ['2. A cable', '3. Addresses']) {
      expect(links(step)).toEqual(expect.arrayContaining([down('veth-test1'), down('veth-test2')]));
    }
    expect(addresses('2. A cable')).toBeNull();
    expect(addresses('3. Addresses')).toEqual([
      '    inet 192.168.1.1/24 scope global veth-test1',
      '    inet 192.168.1.2/24 scope global veth-test2',
    ]);
  });

  test('4: down, the commands, then up', () => {
    const step = steps.get('4. Both ends up');
    expect(step?.match(/^(veth-test\d is|before:|after:|[#$]).*$/gm)).toEqual([
      'before:',
      'veth-test1 is DOWN',
      'veth-test2 is DOWN',
      '# ip -n test1 link set veth-test1 up',
      '# ip -n test2 link set veth-test2 up',
      'after:',
      'veth-test1 is UP',
      'veth-test2 is UP',
      '$ ip -n test1 address',
      '$ ip -n test2 address',
    ]);
    expect(links('4. Both ends up')?.filter((line) => line.includes('UP,LOWER_UP'))).toHaveLength(2);
  });

  test('5: replies as ping(8) prints them, and the summary', () => {
    const step = steps.get('5. A ping across');
    const replies = step?.match(/^64 bytes from 192\.168\.1\.1: icmp_seq=\d ttl=64 time=\d+\.\d{3} ms$/gm);
    expect(replies).toHaveLength(4);
    expect(step).toContain('4 packets transmitted, 4 received, 0% packet loss\n');
    expect(step).toMatch(/^rtt min\/avg\/max\/mdev = \d+\.\d{3}\/\d+\.\d{3}\/\d+\.\d{3}\/\d+\.\d{3} ms$/m);
  });
});

test('names that are taken are left alone', async () => {
  if (!privileged) return; // Another program's names are no names of ours then.
  await using theirs = await Netns.create({ name: 'test1', loopback: false });
  const { code, output } = await lab(['--count', '1']);
  expect(code).toBe(0);
  expect(output).toMatch(/A network namespace named test1 exists already\. .* is test1-\d+\./);
  expect(output).toContain('1 packets transmitted, 1 received');
  expect(await run('ip', ['netns', 'exec', 'test1', 'ip', '-br', 'link'])).toMatch(/^lo .*\n$/);
  expect(pinned()).toEqual(['test1']);
  expect(theirs.closed).toBe(false);
});

describe('interrupted', () => {
  test.each([
    ['SIGINT', '1. Two namespaces'],
    ['SIGTERM', '3. Addresses'],
    ['SIGINT', 'icmp_seq=1'],
    ['SIGHUP', 'icmp_seq=2'],
  ] as const)('by %s at %s: nothing is left', async (signal, moment) => {
    let sent = false;
    const { code, error } = await lab([], (output, child) => {
      if (sent || !output.includes(moment)) return;
      sent = true;
      child.kill(signal);
    });
    expect(error).toContain('Interrupted');
    expect(code).toBe(130);
    expect(pinned()).toEqual([]);
  });

  test('when nobody reads it any more', async () => {
    const { code } = await lab([], (output, child) => {
      if (output.includes('1. Two')) child.stdout?.destroy();
    });
    expect(code).toBe(130);
    expect(pinned()).toEqual([]);
  });
});

test('--help, and options that cannot be meant', async () => {
  const help = await lab(['--help']);
  expect(help).toMatchObject({ code: 0, error: '' });
  expect(help.output).toMatch(/^Usage: npm run lab/);
  for (const args of [
    ['--count', '0'],
    ['--count', 'x'],
    ['--count', '101'],
    ['--cuont', '1'],
    ['surplus'],
  ]) {
    const { code, output, error } = await lab(args);
    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(error.length).toBeGreaterThan(20);
    expect(error).not.toContain('    at ');
  }
});
