// What was found, as text to be read.
import type { Case } from './cases.js';
import type { BridgeNetfilter } from './play.js';
import type { Probe } from './probes.js';

/** One line for each probe; where bridge netfilter makes a difference, both answers. */
export function table(
  { told, transport = 'tcp' }: Case,
  found: Readonly<Record<BridgeNetfilter, ReadonlyMap<Probe, string>>>,
): string {
  const lines = [...found[1]].map(([probe, seen]) => {
    const other = found[0].get(probe) ?? '';
    const { from, to, port, note } = probe;
    const answer = seen === other ? seen : `${seen} (bridge-nf-call 0: ${other})`;
    const row = `${from.padEnd(8)} → ${`${to}:${port}`.padEnd(20)} ${answer}`;
    return note === undefined ? row : `${row.padEnd(64)} ${note}`;
  });
  return `${told} (${transport})\n\n${lines.join('\n')}\n`;
}
