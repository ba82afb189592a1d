import { flushThose } from '../conntrack/flush.js';
import { removeTo } from '../conntrack/table.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import type { NsnetError } from '../syscalls/errors.js';
import type { PortRule } from './ports.js';

type Port = Pick<PortRule, 'address' | 'hostPort' | 'protocol'>;

const familyOf = (address: string): Family => (address.includes(':') ? 'inet6' : 'inet');
const keyOf = (family: Family, port: number | undefined) => `${family} ${port}`;

/** More ports than this are looked for by going through the table once. */
const FEW = 16;
/** Whether the kernel takes filters for what is to be deleted (6.12); unknown at first. */
let filters = true;

/** What is to be forgotten in one namespace. The kernel's table is gone through for all who ask meanwhile at once. */
class Flows {
  readonly #inner: Internals;
  #next: { ports: Map<string, [Family, number]>; done: Promise<void> } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(inner: Internals) {
    this.#inner = inner;
  }

  forget(wanted: readonly [Family, number][]): Promise<void> {
    if (!this.#next) {
      const ports = new Map<string, [Family, number]>();
      const done = this.#last.then(() => {
        this.#next = undefined;
        return this.#flush(ports);
      });
      this.#last = done.catch(() => {});
      this.#next = { ports, done };
    }
    for (const one of wanted) this.#next.ports.set(keyOf(...one), one);
    return this.#next.done;
  }

  async #flush(ports: ReadonlyMap<string, readonly [Family, number]>): Promise<void> {
    const inner = this.#inner;
    if (filters && ports.size <= FEW) {
      const each = [...ports.values()].map(([family, port]) => removeTo(inner, family, 'udp', port));
      const failed = (await Promise.allSettled(each)).find((result) => result.status === 'rejected');
      if (!failed) return;
      if ((failed.reason as NsnetError).code !== 'EINVAL') throw failed.reason;
      filters = false;
    }
    await flushThose(inner, {
      family: undefined,
      matches: ({ family, protocol, original: { destinationPort } }) =>
        protocol === 'udp' && ports.has(keyOf(family, destinationPort)),
    });
  }
}

/** What spoke UDP with a port before is remembered where it went then: by these ports no more. */
export async function forgetFlows(inner: Internals, ports: readonly Port[]): Promise<void> {
  const wanted = ports.flatMap(({ address, hostPort, protocol }): [Family, number][] =>
    protocol === 'udp' ? [[familyOf(address), hostPort]] : [],
  );
  if (wanted.length === 0) return;
  const flows = (inner.memory.get(Flows) as Flows | undefined) ?? new Flows(inner);
  inner.memory.set(Flows, flows);
  await inner.during(flows.forget(wanted));
}
