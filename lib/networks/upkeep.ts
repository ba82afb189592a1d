import type { Link } from '../links/link.js';
import type { Host } from './host.js';
import { Keeper } from './keeper.js';
import { subjectOf, turnOn } from './make.js';
import { followMarks } from './open-ports.js';
import type { Settings } from './options.js';
import { applyRules, areIntact, tableOf } from './rules.js';

/** What the rules of a network are put back by. */
export interface Kept {
  host: Host;
  owner: string;
  settings: Settings;
  bridge: Link;
  /** Whether the kernel has the network still, which nobody has removed. */
  isThere(): Promise<boolean>;
}

/** Looks after the rules of a network, and what was turned on for it. */
export class Upkeep {
  readonly #kept: Kept;
  #keeper: Keeper | undefined;

  constructor(kept: Kept) {
    this.#kept = kept;
  }

  /** Whether it does so by itself. */
  get running(): boolean {
    return this.#keeper !== undefined;
  }

  /** Does so by itself from now on. */
  async start(): Promise<void> {
    const { host, settings, bridge, isThere } = this.#kept;
    this.#keeper = await Keeper.start(host.netns, tableOf(settings.name), async () => {
      if (!this.running || (await areIntact(host.netns, settings, bridge.name))) return;
      // It may be that somebody removes the network, or makes another one of its name.
      if (!(await isThere())) return;
      const subject = subjectOf(settings.name, host.inner);
      process.emitWarning(`The rules of ${subject} were taken away by somebody, and are put back`, {
        code: 'NSNET_RULES_LOST',
        type: 'NsnetWarning',
      });
      await this.repair();
    });
  }

  async stop(): Promise<void> {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    await keeper?.close();
  }

  async repair(): Promise<void> {
    const { host, owner, settings, bridge } = this.#kept;
    const { netns, inner } = host;
    await applyRules(netns, settings, bridge.name);
    if (settings.internal) return;
    if (settings.gatewayMode === 'routed') await followMarks(netns, settings.name);
    await turnOn({ netns, inner, owner }, settings, bridge);
  }
}
