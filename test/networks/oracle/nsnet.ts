// This library's networks, as a side.

import { Network, Scope } from 'nsnet';
import type { Stage } from '../support/stage.js';
import type { Attachment, NetworkSpec, Side } from './side.js';

export class Nsnet implements Side {
  readonly name = 'nsnet';
  readonly #scope = new Scope();
  readonly #networks = new Map<string, { network: Network; spec: NetworkSpec }>();

  async build(stage: Stage, spec: NetworkSpec): Promise<void> {
    // The gateway of an isolated network is refused: nobody has the address.
    const gateway = spec.isolated ? undefined : spec.gateway;
    const made = Network.create({ ...spec, gateway, netns: stage.host });
    this.#networks.set(spec.name, { network: await this.#scope.use(made), spec });
  }

  async connect(
    stage: Stage,
    network: string,
    container: string,
    options: { publish?: string[]; aliases?: string[] } = {},
  ): Promise<Attachment> {
    const made = this.#networks.get(network);
    if (made === undefined) throw new Error(`no network '${network}'`);
    const { publish = [], aliases } = options;
    // What is published from an internal network is refused, where Docker ignores it.
    const ports = made.spec.internal ? [] : publish;
    const target = stage.netns(container);
    return this.#scope.use(made.network.connect(target, { name: container, publish: ports, aliases }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
