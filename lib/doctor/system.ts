// The probes of the system that this runs on.
import { constants } from 'node:fs';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { errnoName } from '../syscalls/errno.js';
import { CLONE, isFailure } from '../syscalls/excursion.js';
import { libcVersion } from '../syscalls/libc.js';
import { type Native, native } from '../syscalls/native.js';
import { holding, make, refused, WORKED } from './attempt.js';
import {
  CAPABILITIES,
  type Capability,
  type Outcome,
  PROBED_CALLS,
  type ProbedCall,
  type Probes,
} from './probes.js';
import { tryMount, tryNetwork } from './trial.js';

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

function runtime(): Probes['runtime'] {
  const { bun, deno, node } = process.versions;
  if (bun !== undefined) return { name: 'Bun', version: bun };
  if (deno !== undefined) return { name: 'Deno', version: deno };
  return { name: 'Node.js', version: node };
}

function capable(capability: Capability): boolean {
  const sets = native().capabilities();
  if (typeof sets === 'number') return false;
  const bit = CAPABILITIES[capability];
  return Boolean(((sets[bit >> 5] as number) >>> (bit & 31)) & 1);
}

async function tryStub(): Promise<Outcome> {
  const answers = await native().probeCalls(true, []);
  return isFailure(answers) ? refused('execveat', answers.errno) : WORKED;
}

/** One by one only where a filter kills: then each needs a process of its own to die. */
async function tryCalls(ownMemory: boolean): Promise<Map<ProbedCall, string>> {
  const ask = async (calls: readonly ProbedCall[]) => {
    const answers = await native().probeCalls(ownMemory, calls);
    if (!isFailure(answers)) {
      return calls.map((call, i) => [call, answers[i] ? errnoName(answers[i]) : ''] as const);
    }
    return calls.map((call) => [call, errnoName(answers.errno)] as const);
  };
  // Without the stub only what this process has called itself by then: a filter that kills would have killed it.
  if (!ownMemory) return new Map(await ask(['memfd_create']));
  const together = await ask(PROBED_CALLS);
  if (together.every(([, answer]) => answer !== 'ECANCELED')) return new Map(together);
  return new Map((await Promise.all(PROBED_CALLS.map((call) => ask([call])))).flat());
}

async function tryUserNamespace(): Promise<Outcome> {
  const made = await make(CLONE.user, ['user']);
  return Array.isArray(made) ? holding(made, async () => WORKED) : made;
}

/** Each attempt is made once, however many checks ask for it. */
export function systemProbes(): Probes {
  const stub = once(tryStub);
  const calls = once(async () => tryCalls((await stub()).ok));
  /** Where unshare kills, older kernels would kill this process along with a clone that shares its memory. */
  const spared = <T>(attempt: () => Promise<T>, instead: (killed: Outcome) => T) =>
    once(async () =>
      (await calls()).get('unshare') === 'ECANCELED' ? instead(refused('unshare', -125)) : attempt(),
    );
  const direct = () => capable('SYS_ADMIN') && capable('NET_ADMIN');
  return {
    platform: process.platform,
    arch: process.arch,
    runtime: runtime(),
    program: process.execPath,
    uid: process.geteuid?.() ?? -1,
    gid: process.getegid?.() ?? -1,
    env: (name) => process.env[name],
    release,
    libc: libcVersion,
    addon: () => (native() as Native & { path?: string }).path ?? 'loaded',
    text: (path) => readFile(path, 'utf8').then((text) => text.replace(/\0$/, '').trim(), nothing),
    names: (path) => readdir(path).catch(nothing),
    identity: (path) => stat(path).then(({ dev, ino }) => `${dev}:${ino}`, nothing),
    unwritable: (path) =>
      access(path, constants.W_OK).then(nothing, ({ code }: NodeJS.ErrnoException) => code ?? 'EIO'),
    capable,
    dumpable: () => native().dumpable() === 1,
    memoryIsShared: once(() => native().memoryIsShared()),
    stub,
    calls,
    userNamespace: spared(tryUserNamespace, (killed) => killed),
    network: spared(
      () => tryNetwork(direct()),
      (made) => ({ made }),
    ),
    mount: spared(
      () => tryMount(process.execPath),
      (killed) => killed,
    ),
  };
}

const nothing = () => undefined;
