import { flushThose } from '../conntrack/flush.js';
import { removeAnsweredBy, removeTo } from '../conntrack/table.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import type { NsnetError } from '../syscalls/errors.js';
import type { PortRule } from './ports.js';
import { Together } from './together.js';

type Port = Pick<PortRule, 'address' | 'hostPort' | 'protocol'>;

const familyOf = (address: string): Family => (address.includes(':') ? 'inet6' : 'inet');

/** What is to be forgotten: what speaks UDP with a port, or all that leads to an address. */
type Wanted = { family: Family; port: number } | { family: Family; address: string };

const keyOf = (one: Wanted) => `${one.family} ${'port' in one ? one.port : one.address}`;

/** More of them than this are looked for by going through the table once. */
const FEW = 16;
const CANNOT = new Set(['EINVAL', 'EPROTONOSUPPORT', 'ERR_NSNET_UNSUPPORTED', 'ERR_NSNET_CLOSED']);
/** Whether the kernel takes filters for what is to be deleted (6.12); unknown at first. */
let filters = true;

/** Goes through the kernel's table once, for all who ask meanwhile. */
async function flush(inner: Internals, asked: readonly (readonly Wanted[])[]): Promise<void> {
  const wanted = new Map(asked.flat().map((one) => [keyOf(one), one]));
  if (filters && wanted.size <= FEW) {
    const each = [...wanted.values()].map((one) =>
      'port' in one
        ? removeTo(inner, one.family, 'udp', one.port)
        : removeAnsweredBy(inner, one.family, one.address),
    );
    const failed = (await Promise.allSettled(each)).find((result) => result.status === 'rejected');
    if (!failed) return;
    if ((failed.reason as NsnetError).code !== 'EINVAL') throw failed.reason;
    filters = false;
  }
  await flushThose(inner, {
    family: undefined,
    matches: ({ family, protocol, original: { destinationPort: port }, reply }) =>
      (protocol === 'udp' && port !== undefined && wanted.has(keyOf({ family, port }))) ||
      wanted.has(keyOf({ family, address: reply.source })),
  });
}

async function forget(inner: Internals, wanted: readonly Wanted[]): Promise<void> {
  if (wanted.length === 0) return;
  const known = inner.memory.get(flush) as Together<readonly Wanted[]> | undefined;
  const flows = known ?? new Together((all) => flush(inner, all));
  inner.memory.set(flush, flows);
  await inner.during(flows.do(wanted));
}

/** What spoke UDP with a port before is remembered where it went then: by these ports no more. */
export async function forgetFlows(inner: Internals, ports: readonly Port[]): Promise<void> {
  await forget(inner, toPorts(ports));
}

/**
 * Ports are not published any more. What led to their addresses is remembered for days, too: whoever has such a connection
 * would be passed on to the container that gets the address next.
 */
export async function forgetPorts(inner: Internals, ports: readonly Port[]): Promise<void> {
  await forget(inner, [...toPorts(ports), ...toAddresses(ports.map(({ address }) => address))]).catch(
    unlessAble,
  );
}

/** Endpoints are gone that had these addresses. */
export async function forgetAddresses(inner: Internals, addresses: readonly string[]): Promise<void> {
  await forget(inner, toAddresses(addresses)).catch(unlessAble);
}

const toPorts = (ports: readonly Port[]) =>
  ports.flatMap(({ address, hostPort: port, protocol }): Wanted[] =>
    protocol === 'udp' ? [{ family: familyOf(address), port }] : [],
  );

const toAddresses = (addresses: readonly string[]) =>
  addresses.map((address): Wanted => ({ family: familyOf(address), address }));

/** A kernel that cannot be asked, or a namespace that is being closed. */
function unlessAble(error: NsnetError): void {
  if (!CANNOT.has(error.code)) throw error;
}
