import { PROTOCOLS } from './constants.js';
import type { ConntrackEntry, ConntrackTuple } from './entry.js';

/** A line of `conntrack -L`. */
export function describeEntry(entry: ConntrackEntry): string {
  const { protocol, timeout, state, status, original, reply, zone, mark, use, helper, securityContext } =
    entry;
  const number = typeof protocol === 'number' ? protocol : PROTOCOLS[protocol];
  const words = [
    `${(typeof protocol === 'number' ? 'unknown' : protocol).padEnd(8)} ${number}`,
    ...(timeout === undefined ? [] : [timeout / 1000]),
    ...(state === undefined ? [] : [state]),
    ...tupleWords(original),
  ];
  if (!status.includes('seen-reply')) words.push('[UNREPLIED]');
  words.push(...tupleWords(reply));
  if (status.includes('hw-offload')) words.push('[HW_OFFLOAD]');
  else if (status.includes('offload')) words.push('[OFFLOAD]');
  else if (status.includes('assured')) words.push('[ASSURED]');
  const zones = { zone, 'zone-orig': original.zone, 'zone-reply': reply.zone };
  const rest = { mark, secctx: securityContext, ...zones, helper, use };
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) words.push(`${name}=${value}`);
  return `${words.join(' ')}\n`;
}

function tupleWords(tuple: ConntrackTuple): string[] {
  const { source, destination, sourcePort, destinationPort, type, code, id, packets, bytes } = tuple;
  const all = {
    src: source,
    dst: destination,
    sport: sourcePort,
    dport: destinationPort,
    type,
    code,
    id,
    packets,
    bytes,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
}
