// Namespaces that play a host with its LAN and containers, what is in them, and processes beside this one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Netns, type Scope } from 'nsnet';
import { expect } from 'vitest';
import { inside } from '../conntrack/support.js';
import { connect } from '../sockets/cable.js';
import { privileged } from '../support/privileges.js';
import { node } from '../support/witness.js';

export const LAN = {
  host: { inet: '192.0.2.10', inet6: 'fd00:a::10' },
  machine: { inet: '192.0.2.20', inet6: 'fd00:a::20' },
} as const;

/** A host, which another machine is beside. */
export async function hostOnLan(scope: Scope): Promise<{ host: Netns; lan: Netns }> {
  const [host, lan] = await Promise.all([scope.use(Netns.create()), scope.use(Netns.create())]);
  await connect(host, LAN.host, lan, LAN.machine);
  return { host, lan };
}

/** So many namespaces, which play containers. */
export function containers(scope: Scope, count: number): Promise<Netns[]> {
  return Promise.all(Array.from({ length: count }, () => scope.use(Netns.create())));
}

const VOLATILE =
  /^(stats.*|.*_max_.*|valid_life_time|preferred_life_time|.*_timer|gc_timer|ifindex|link_index|handle|bytes|packets|tentative|operstate|topology_change.*|flags|state|neigh.*|metainfo)$/;

/** What IPv6 does by itself, when it finds that a device is connected. */
const isOfLink = (value: unknown) => /"(local|dst)":"(fe80:|ff00:)/.test(JSON.stringify(value) ?? '');

function steady(value: unknown): unknown {
  if (Array.isArray(value)) {
    const entries = value.filter((one) => one?.addr_info || one?.ifname || one?.nftables || !isOfLink(one));
    return entries.map(steady);
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter(([key]) => !VOLATILE.test(key)).map(([key, one]) => [key, steady(one)]),
  );
}

const SEEN = `
ip -j -d link; echo @; ip -j address; echo @; ip -j route show table all; echo @; ip -j -6 route show table all; echo @
nft -j list ruleset; echo @; ss -Htuwlan; echo @; ss -Hxa | awk '{print $5}'; echo @
cd /proc/sys/net; grep -s . ipv4/conf/*/forwarding ipv4/conf/*/route_localnet ipv6/conf/*/forwarding ipv6/conf/*/force_forwarding ipv6/conf/*/accept_ra || true`;

export interface Seen {
  links: unknown;
  addresses: unknown;
  routes: unknown;
  routes6: unknown;
  rules: unknown;
  sockets: string[];
  unix: string[];
  sysctls: string[];
}

/** What `ip`, `nft` and `ss` see in a namespace, and its sysctls, but for what goes on changing by itself. */
export async function seen(netns: Netns): Promise<Seen> {
  const parts = (await inside(netns, 'sh', '-c', SEEN)).split('@\n');
  const json = (text = '') => steady(text.trim() === '' ? [] : JSON.parse(text)) as object[];
  const lines = (text = '') => text.trim().split('\n').filter(Boolean).sort();
  const sorted = (values: object[]) => values.map((one) => JSON.stringify(one)).sort();
  return {
    links: json(parts[0]),
    addresses: json(parts[1]),
    routes: sorted(json(parts[2])),
    routes6: sorted(json(parts[3])),
    rules: json(parts[4]),
    // Connections that are over are remembered for a minute.
    sockets: lines(parts[5]).filter((line) => !/TIME-WAIT/.test(line)),
    unix: lines(parts[6]).filter((line) => line.includes('nsnet:')),
    sysctls: lines(parts[7]),
  };
}

/** Waits a moment for a namespace to be as it was. */
export async function expectSeen(netns: Netns, before: Seen, message?: string): Promise<void> {
  let now = await seen(netns);
  for (let i = 0; i < 30 && JSON.stringify(now) !== JSON.stringify(before); i++) {
    await sleep(100);
    now = await seen(netns);
  }
  expect(now, message).toEqual(before);
}

/** Names of the nft tables of a namespace. */
export async function tables(netns: Netns): Promise<string[]> {
  const text = await inside(netns, 'nft', 'list', 'tables');
  return text
    .trim()
    .split('\n')
    .flatMap((line) => line.split(' ')[2] ?? [])
    .sort();
}

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

/** Starts a program of test/networks/programs inside the host; its descriptors from 10 on are the containers'. */
export async function startIn(
  host: Netns,
  name: string,
  args: readonly string[],
  given: readonly Netns[] = [],
): Promise<ChildProcess> {
  const stdio: ('ignore' | 'pipe' | 'ipc' | number)[] = ['ignore', 'pipe', 'pipe', host.fd];
  const enter = ['--net=/proc/self/fd/3'];
  const owner = privileged ? undefined : await host.owner();
  if (owner) enter.unshift('--user=/proc/self/fd/4', '--preserve-credentials');
  stdio.push(owner ? owner.fd : 'ignore', 'ipc');
  while (stdio.length < FIRST) stdio.push('ignore');
  stdio.push(...given.map((one) => one.fd));
  const child = spawn('nsenter', [...enter, ...node, program(name), String(host.id), ...args], { stdio });
  await once(child, 'spawn');
  await owner?.close();
  return child;
}

/** The first descriptor that is a container's. */
const FIRST = 10;

/** Another process, which does as it is told. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  readonly ended: Promise<unknown>;
  stderr = '';
  #next = 0;
  readonly #ready: Promise<void>;

  static readonly #all = new Set<Peer>();

  /** Ends those that a test has left when it failed. */
  static async endAll(): Promise<void> {
    await Promise.all([...Peer.#all].map((peer) => peer[Symbol.asyncDispose]()));
  }

  static async start(host: Netns, given: readonly Netns[] = []): Promise<Peer> {
    const peer = new Peer(await startIn(host, 'peer', [String(given.length)], given));
    await peer.#ready;
    return peer;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, 'exit');
    Peer.#all.add(this);
    this.ended.then(() => Peer.#all.delete(this));
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    child.stdout?.resume();
    this.#ready = new Promise((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error(`the peer did not start: ${this.stderr}`)));
    });
    this.#ready.catch(() => {});
    child.on('message', ({ id, value, error }: { id: number; value: unknown; error?: object }) => {
      const { resolve, reject } = this.#waiting.get(id) ?? {};
      this.#waiting.delete(id);
      if (error) reject?.(Object.assign(new Error(), error));
      else resolve?.(value);
    });
    this.ended.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the peer is gone: ${this.stderr}`));
      this.#waiting.clear();
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: what the program answers
  do(what: string, ...args: unknown[]): Promise<any> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, what, args });
    });
  }

  /** kill -9, and a moment: a clone that shared its descriptors, in the middle of a call, may be behind it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
    await sleep(200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}
