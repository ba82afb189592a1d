import type { UnreachableReason } from './unreachable.js';

interface AnsweredProbe {
  /** Who answered: a router, the destination, or this namespace. */
  from: string;
  /** Milliseconds from sending to arrival, by the kernel's clock. Absent where it could not even be sent. */
  rtt?: number;
}

/**
 * What became of one request of a traceroute.
 *
 * - 'expired': a router said that its TTL, or hop limit, came to nothing.
 * - 'reply': it has reached the destination.
 * - 'unreachable': a router, or this namespace, could not deliver it; `reason` and `mtu` as those of an Echo.
 * - 'lost': none of these within the timeout.
 */
export type Probe =
  | ({ type: 'expired' } & AnsweredProbe)
  | ({ type: 'reply' } & AnsweredProbe)
  | ({ type: 'unreachable'; reason?: UnreachableReason; mtu?: number } & AnsweredProbe)
  | { type: 'lost' };

/** One step of the way to a host. */
export interface Hop {
  /** Routers up to and including this one, from 1: the TTL, or hop limit, of what was sent. */
  hop: number;
  /** Who answered first of those below; absent where nobody did. */
  from?: string;
  /** What became of each request, in the order they were sent. */
  probes: Probe[];
  /** Whether this is the destination. It is the last hop then. */
  reached: boolean;
  /** Why the way ends here; 'unknown' where a code without a name was given. It is the last hop then, too. */
  unreachable?: UnreachableReason | 'unknown';
}

/** One hop of its probes. */
export function hopOf(hop: number, probes: Probe[]): Hop {
  const from = probes.find((probe) => probe.type !== 'lost')?.from;
  const reached = probes.some(({ type }) => type === 'reply');
  const refused = probes.find((probe) => probe.type === 'unreachable');
  return {
    hop,
    ...(from !== undefined && { from }),
    probes,
    reached,
    ...(refused && !reached && { unreachable: refused.reason ?? 'unknown' }),
  };
}

/** What traceroute(8) puts behind a time. */
const MARKS: Readonly<Record<UnreachableReason, string>> = {
  net: '!N',
  host: '!H',
  protocol: '!P',
  port: '!p',
  'too big': '!F',
  'source route': '!S',
  prohibited: '!X',
  precedence: '!V',
  scope: '!S',
  policy: '!<5>',
  rejected: '!<6>',
};

function markOf(probe: Probe): string {
  if (probe.type !== 'unreachable') return '';
  const mark = probe.reason === undefined ? '!' : MARKS[probe.reason];
  return probe.mtu ? ` ${mark}-${probe.mtu}` : ` ${mark}`;
}

/** A line of traceroute(8) -n: an address is not repeated while it answers. */
export function describeHop({ hop, probes }: Hop): string {
  let line = `${String(hop).padStart(2)} `;
  let shown: string | undefined;
  for (const probe of probes) {
    if (probe.type === 'lost') {
      line += ' *';
      continue;
    }
    if (probe.from !== shown) line += ` ${probe.from}`;
    shown = probe.from;
    if (probe.rtt !== undefined) line += `  ${probe.rtt.toFixed(3)} ms`;
    line += markOf(probe);
  }
  return line;
}
