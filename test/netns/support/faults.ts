// Makes single steps of an operation fail, to see what becomes of the others.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { messageName } from '../../../lib/rtnetlink/constants.js';
import { type Native, native } from '../../../lib/syscalls/native.js';

const EIO = -5;
/** A type that rtnetlink does not know: the kernel refuses such a request, and only it, with EOPNOTSUPP. */
const UNKNOWN_TYPE = 0x7000;

/** Codes of the errors that a step fails with here. */
export const INJECTED = ['EIO', 'EOPNOTSUPP'];

/** A step, and what to do with it: make it fail, or do something when it has been done. */
export type Intervention = 'fail' | (() => void) | undefined;
export type Intervene = (step: string, count: number) => Intervention;

// biome-ignore lint/suspicious/noExplicitAny: any function
type Function = (...args: any[]) => any;

const jobs = [
  'unshare',
  'sharedUser',
  'open',
  'readFile',
  'writeFile',
  'mount',
  'umount',
  'sockets',
] as const;
const calls = ['setsockopt', 'label'] as const;
const files = ['mkdir', 'open', 'unlink'] as const;

/** Replaces functions of an object until undone. */
class Replaced {
  readonly #undo: (() => void)[] = [];

  replace<T extends object>(owner: T, key: keyof T, make: (original: Function) => Function): void {
    const original = owner[key];
    owner[key] = make((original as Function).bind(owner)) as T[keyof T];
    this.#undo.push(() => {
      owner[key] = original;
    });
  }

  undo(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }
}

/** The requests in what transact() is given: their types, and where these stand. */
function* requestsIn(bytes: Uint8Array): Generator<{ type: number; at: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += (view.getUint32(at, true) + 3) & ~3) {
    yield { type: view.getUint16(at + 4, true), at: at + 4 };
  }
}

/**
 * Runs `work` while `intervene` is asked about each of its steps: system calls, calls of node:fs, and requests to the
 * kernel one by one, even where they travel together.
 */
export async function intervening<T>(
  intervene: Intervene,
  work: () => Promise<T>,
): Promise<{ outcome: PromiseSettledResult<T>; steps: string[] }> {
  const replaced = new Replaced();
  const steps: string[] = [];
  const ask = (step: string) => intervene(step, steps.push(step));
  const after = (intervention: Intervention) => typeof intervention === 'function' && intervention();
  const addon = native() as Native;
  for (const name of jobs) {
    replaced.replace(addon, name, (original) => async (...args) => {
      const path = args.find((arg) => typeof arg === 'string' && arg.startsWith('/')) ?? '';
      const intervention = ask(`${name} ${path}`.trim());
      if (intervention === 'fail') return { errno: EIO, syscall: name };
      const result = await original(...args);
      after(intervention);
      return result;
    });
  }
  for (const name of calls) {
    replaced.replace(addon, name, (original) => (...args) => {
      const intervention = ask(name);
      if (intervention === 'fail') return EIO;
      const result = original(...args);
      after(intervention);
      return result;
    });
  }
  replaced.replace(addon, 'transact', (original) => async (fd, requests: Uint8Array) => {
    const changed = requests.slice();
    const view = new DataView(changed.buffer);
    const then: Intervention[] = [];
    for (const { type, at } of requestsIn(requests)) {
      const intervention = ask(messageName(type));
      if (intervention === 'fail') view.setUint16(at, UNKNOWN_TYPE, true);
      else then.push(intervention);
    }
    const result = await original(fd, changed);
    then.forEach(after);
    return result;
  });
  for (const name of files) {
    replaced.replace(fs, name, (original) => async (...args) => {
      const intervention = ask(`node:fs ${name} ${args[0]}`);
      if (intervention === 'fail') {
        throw Object.assign(new Error(`EIO: injected, ${name}`), { code: 'EIO', errno: EIO, syscall: name });
      }
      const result = await original(...args);
      after(intervention);
      return result;
    });
  }
  syncBuiltinESMExports();
  try {
    const [outcome] = await Promise.allSettled([work()]);
    return { outcome, steps };
  } finally {
    replaced.undo();
    syncBuiltinESMExports();
  }
}
