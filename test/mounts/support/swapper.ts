// A program that exchanges a component of a path for symbolic links, as fast as it can.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { run } from '../../support/witness.js';
import { type Workspace, workspace } from './workspace.js';

export class Swapper {
  readonly #program: Workspace = workspace();
  readonly #running = new Set<ChildProcess>();

  async build(): Promise<void> {
    const source = fileURLToPath(new URL('../fixtures/swapper.c', import.meta.url));
    await run('cc', ['-O2', '-Wall', '-o', this.#program.at('swapper'), source]);
  }

  /** All links lead to `outside`, by every way: so that an attack that succeeds does no harm but there. */
  start(path: string, outside: string): void {
    const links = [
      outside,
      relative(dirname(path), outside),
      `../../../../../../../../../..${outside}`,
      `/proc/self/root${outside}`,
      `/proc/thread-self/root${outside}`,
    ];
    this.#running.add(
      spawn(this.#program.at('swapper'), [dirname(path), basename(path), ...links], { stdio: 'ignore' }),
    );
  }

  /** Before anything is removed: who removes by name would be led outside, too. */
  async stop(): Promise<void> {
    for (const attacker of this.#running) {
      const ended = once(attacker, 'exit');
      attacker.kill('SIGKILL');
      await ended;
    }
    this.#running.clear();
  }

  remove(): void {
    this.#program[Symbol.dispose]();
  }
}

/** One for the tests of a file. */
export function useSwapper(): Swapper {
  const swapper = new Swapper();
  beforeAll(() => swapper.build());
  afterAll(() => swapper.remove());
  return swapper;
}
