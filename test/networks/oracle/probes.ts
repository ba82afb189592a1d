// The probes: who asks whom. Names stand for addresses: a, b, c the containers, gateway the bridge of a and b,
// other-gateway that of c, host and host2 the host's addresses on the LAN; with a 6 at the end, the IPv6 ones.

import { askByHand } from '../support/crafted.js';
import { type Answer, ask } from '../support/echo.js';
import { HOST, LAN, type Stage } from '../support/stage.js';
import { CASES, type Case } from './cases.js';

export interface Probe {
  from: string;
  to: string;
  port: number;
  /** By a packet made by hand, which no kernel of the sender's would send. */
  crafted?: true;
  note?: string;
}

const probe = (from: string, to: string, port: number, note?: string): Probe => ({ from, to, port, note });

const INET: readonly Probe[] = [
  probe('b', 'a', 80, 'sibling'),
  probe('b', 'a', 81, 'sibling, not published'),
  probe('b', 'gateway', 9000, 'a service of the host'),
  probe('b', 'host', 9000, 'a service of the host'),
  probe('b', 'lan', 80),
  probe('b', 'internet', 80),
  probe('b', 'c', 80, 'published'),
  probe('b', 'c', 81, 'not published'),
  probe('b', 'other-gateway', 9000),
  probe('b', 'host', 8090, "c's published port"),
  probe('b', 'host', 8080, "sibling's published port"),
  probe('b', 'gateway', 8080, "sibling's published port"),
  probe('a', 'host', 8080, 'its own published port'),
  probe('a', 'gateway', 8080, 'its own published port'),
  probe('a', 'a', 80),
  probe('c', 'a', 80, 'published'),
  probe('c', 'a', 81, 'not published'),
  probe('c', 'gateway', 9000),
  probe('c', 'host', 8080, 'published'),
  probe('c', 'gateway', 8080, 'published'),
  probe('c', 'other-gateway', 8080, 'published'),
  probe('host', 'a', 80),
  probe('host', 'a', 81),
  probe('host', 'localhost', 8080),
  probe('host', 'localhost6', 8080),
  probe('host', 'host', 8080),
  probe('host', 'host2', 8080),
  probe('host', 'host6', 8080),
  probe('host', 'gateway', 8080),
  probe('lan', 'host', 8080),
  probe('lan', 'host2', 8080),
  probe('lan', 'host6', 8080),
  probe('lan', 'gateway', 8080, 'by a route through the host'),
  probe('lan', 'gateway', 9000, 'by a route through the host'),
  probe('lan', 'a', 80, 'by a route through the host'),
  probe('lan', 'a', 81, 'by a route through the host'),
  { ...probe('lan', 'localhost', 8080, "crafted, to the host's MAC"), crafted: true },
  probe('lan', 'internet', 8080, 'by a route through the host'),
  probe('internet', 'host', 8080),
  probe('internet', 'a', 80, 'by a route through the host'),
];

const INET6: readonly Probe[] = [
  probe('b', 'a6', 80, 'sibling'),
  probe('b', 'a6', 81, 'sibling, not published'),
  probe('b', 'gateway6', 9000),
  probe('b', 'host6', 9000),
  probe('b', 'internet6', 80),
  probe('b', 'c6', 80),
  probe('b', 'c6', 81),
  probe('b', 'host6', 8090, "c's published port"),
  probe('b', 'host6', 8080, "sibling's published port"),
  probe('a', 'host6', 8080, 'its own published port'),
  probe('c', 'a6', 80),
  probe('c', 'a6', 81),
  probe('c', 'host6', 8080),
  probe('host', 'a6', 80),
  probe('lan', 'gateway6', 8080, 'by a route through the host'),
  probe('lan', 'a6', 80, 'by a route through the host'),
  probe('lan', 'a6', 81, 'by a route through the host'),
  probe('lan', 'internet6', 8080, 'by a route through the host'),
  probe('internet', 'host6', 8080),
  probe('internet', 'a6', 80, 'by a route through the host'),
];

/** Where c alone has IPv6. */
const FROM_INET6 = probe('c', 'host6', 8080, 'published');

export function probesOf({ app, other6 = false }: Case): readonly Probe[] {
  if (app.subnet6 !== undefined) return [...INET, ...INET6];
  return other6 ? [...INET, FROM_INET6] : INET;
}

export async function send(stage: Stage, { transport = 'tcp' }: Case, probe: Probe) {
  const { from, to, port, crafted } = probe;
  const address = stage.addressOf(to);
  if (address === undefined) throw new Error(`nobody is '${to}'`);
  const netns = stage.netns(from);
  if (!crafted) return ask(netns, transport, address, port);
  const mac = { from: await stage.mac('lan'), to: await stage.mac('host') };
  return askByHand({ netns, meet: HOST, link: 'eth0', mac, from: LAN, to: address, port, transport });
}

/** 'a as b': a answered, and saw b. */
export const told = (stage: Stage, answer: Answer | undefined) =>
  answer === undefined ? 'no' : `${answer.name} as ${stage.nameOf(answer.source)}`;

export const caseNamed = (name: string): Case => {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case '${name}'`);
  return found;
};
