import { Changes } from '../firewall/changes.js';
import type { Link } from '../links/link.js';
import { altNamesRequest } from '../links/requests.js';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import type { NsnetError } from '../syscalls/errors.js';
import { type OpenPort, openMark } from './marks.js';
import type { PublishedPorts } from './publish.js';
import type { Published } from './published.js';
import { FINAL, OPEN, OPEN_TYPES, tableOf } from './rules.js';
import { readState } from './state.js';
import { inTurn } from './turn.js';

/** What ports are opened for. */
export interface Opening {
  host: AnyNetns;
  network: string;
  /** The endpoint's end in the host. */
  end: Link;
  address?: string;
  address6?: string;
}

/**
 * In a routed network nothing is translated: the published ports are opened on the endpoint's own addresses. Which they are
 * is noted at its device, and goes with it; the rules follow.
 */
export async function openPorts(to: Opening, asked: readonly Published[]): Promise<PublishedPorts> {
  // Several ports of the host may lead to one of the container, and here there are none of the host.
  const wanted = [
    ...new Map(
      asked.map(({ containerPort, protocol }) => [
        `${containerPort}/${protocol}`,
        { containerPort, protocol },
      ]),
    ).values(),
  ];
  const { host, network, end, address, address6 } = to;
  const inner = openInternals(host);
  const ports = [address, address6].flatMap((own) =>
    own === undefined
      ? []
      : wanted.map(
          ({ protocol, containerPort }): OpenPort => ({ protocol, port: containerPort, address: own }),
        ),
  );
  const marks = ports.map((port) => openMark(network, port));
  const note = (mode: 'add' | 'delete') =>
    inner.route.run(altNamesRequest(mode, inner, () => end.index, marks, inner.subject));
  if (marks.length > 0) await note('add');
  await followMarks(host, network);
  return {
    published: wanted,
    close: async () => {
      if (host.closed) return;
      if (marks.length > 0) await note('delete').catch(isGone);
      await followMarks(host, network);
    },
  };
}

/** Of a device that is gone there is nothing to take back. */
function isGone(error: NsnetError): void {
  if (error.code !== 'ENODEV' && error.code !== 'EINVAL') throw error;
}

/** Has the rules of a routed network let through what is noted at its endpoints, and nothing else. */
export function followMarks(host: AnyNetns, network: string): Promise<void> {
  const inner = openInternals(host);
  return inTurn(inner, 'ports', async () => {
    const { networks } = await readState(inner);
    const found = networks.find(({ settings }) => settings.name === network);
    if (!found) return;
    const ports = found.endpoints.flatMap(({ open }) => open);
    const changes = new Changes();
    for (const [family, name] of Object.entries(OPEN)) {
      const set = { family: 'inet', table: tableOf(network), name } as const;
      const own = ports.filter(({ address }) => address.includes(':') === (family === 'inet6'));
      changes.flushSet(set);
      const type = OPEN_TYPES[family as keyof typeof OPEN];
      const keys = own.map(({ address, protocol, port }) => [address, protocol, port]);
      if (keys.length > 0) changes.addElements({ ...set, type }, keys);
    }
    await host.nftables.apply(changes, FINAL).catch((error: NsnetError) => {
      // Somebody has flushed the rules: with those that are put back these come back, too.
      if (error.code !== 'ENOENT') throw error;
    });
  });
}
