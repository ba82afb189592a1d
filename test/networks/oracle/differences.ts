// Where this library means to answer otherwise than Docker, and why.
import type { Case } from './cases.js';
import type { BridgeNetfilter } from './play.js';
import type { Probe } from './probes.js';

interface Difference {
  why: string;
  applies(one: Case, probe: Probe, netfilter: BridgeNetfilter): boolean;
  /** Docker's answer, or any where it is left out. */
  docker?: RegExp;
  answer: string;
}

const between = ({ from, to }: Probe, pair: string) => `${from} ${to}` === pair;

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'Docker translates what comes by wire for 127.0.0.1 to a port that is published on all addresses',
    applies: (_, probe) => probe.crafted === true,
    answer: 'no',
  },
  {
    why: "Docker's icc=false needs bridge netfilter, the ports of a bridge can be isolated without",
    applies: ({ app }, probe, netfilter) =>
      netfilter === 0 && app.icc === false && (between(probe, 'b a') || between(probe, 'b a6')),
    answer: 'no',
  },
  {
    why: 'Docker drops the answers to a container that is not masqueraded, as if they were direct access to it',
    applies: ({ app }, probe) => app.masquerade === false && between(probe, 'b lan'),
    docker: /^no$/,
    answer: 'lan as b',
  },
  {
    why: 'the same',
    applies: ({ app }, probe) => app.masquerade === false && between(probe, 'b internet'),
    docker: /^no$/,
    answer: 'internet as b',
  },
  {
    why: 'the same, of a published port in another network',
    applies: ({ app }, probe) => app.masquerade === false && between(probe, 'b host') && probe.port === 8090,
    docker: /^no$/,
    answer: 'c as b',
  },
  {
    why: "Docker's documentation says that other networks are kept out, its rules have let them in since moby#49981",
    applies: ({ app }, { from, to }) =>
      app.gatewayMode === 'nat-unprotected' && from === 'c' && /^a6?$/.test(to),
    answer: 'no',
  },
];

/** What this library is to answer where Docker answers `docker`. */
export function intended(one: Case, probe: Probe, netfilter: BridgeNetfilter, docker: string): string {
  const difference = DIFFERENCES.find(
    (each) => each.applies(one, probe, netfilter) && (each.docker?.test(docker) ?? true),
  );
  return difference?.answer ?? docker;
}
