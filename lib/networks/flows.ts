import { flushThose } from '../conntrack/flush.js';
import { removeTo } from '../conntrack/table.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import type { NsnetError } from '../syscalls/errors.js';
import type { PortRule } from './ports.js';
import { Together } from './together.js';

type Port = Pick<PortRule, 'address' | 'hostPort' | 'protocol'>;

const familyOf = (address: string): Family => (address.includes(':') ? 'inet6' : 'inet');
const keyOf = (family: Family, port: number | undefined) => `${family} ${port}`;

/** More ports than this are looked for by going through the table once. */
const FEW = 16;
/** Whether the kernel takes filters for what is to be deleted (6.12); unknown at first. */
let filters = true;

type Place = readonly [Family, number];

/** Goes through the kernel's table once, for all who ask meanwhile. */
async function flush(inner: Internals, wanted: readonly (readonly Place[])[]): Promise<void> {
  const ports = new Map(wanted.flat().map((one): [string, Place] => [keyOf(...one), one]));
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

/** What spoke UDP with a port before is remembered where it went then: by these ports no more. */
export async function forgetFlows(inner: Internals, ports: readonly Port[]): Promise<void> {
  const wanted = ports.flatMap(({ address, hostPort, protocol }): Place[] =>
    protocol === 'udp' ? [[familyOf(address), hostPort]] : [],
  );
  if (wanted.length === 0) return;
  const known = inner.memory.get(forgetFlows) as Together<readonly Place[]> | undefined;
  const flows = known ?? new Together((all) => flush(inner, all));
  inner.memory.set(forgetFlows, flows);
  await inner.during(flows.do(wanted));
}
