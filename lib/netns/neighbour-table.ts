import { Listing } from '../handles/listing.js';
import { checkLinkRef, Devices } from '../links/devices.js';
import { readNames } from '../links/read.js';
import { NEEDS_NET_ADMIN } from '../links/requests.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import { NLM_F } from '../netlink/constants.js';
import { messageName, RTM } from '../rtnetlink/constants.js';
import { neighbour as codec, type NeighbourMessage, type NeighbourRequest } from '../rtnetlink/neighbour.js';
import { withDetails } from '../syscalls/errors.js';
import type { AltNames } from './filter.js';

/** RTM_NEWNEIGH is for neighbours and forwarding tables alike: what the two have in common. */
export interface NeighbourChange {
  mode: 'add' | 'replace' | 'delete' | 'append';
  /** The devices that it names. */
  devices: { device: LinkRef; via?: LinkRef | undefined };
  body(indexOf: (ref: LinkRef) => number): NeighbourRequest;
  subject: string;
  /** By code. */
  hints: Record<string, string>;
  signal?: AbortSignal | undefined;
}

const MODES = {
  add: NLM_F.CREATE | NLM_F.EXCL,
  replace: NLM_F.CREATE | NLM_F.REPLACE,
  append: NLM_F.CREATE | NLM_F.APPEND,
  delete: 0,
} as const;

/** Adds, replaces or deletes an entry. */
export function changeNeighbour(inner: Internals, change: NeighbourChange): Promise<void> {
  const { mode, devices: named, body, subject, hints, signal } = change;
  checkLinkRef(named.device, inner, 'device');
  if (named.via !== undefined) checkLinkRef(named.via, inner, 'via');
  const devices = Devices.of(inner);
  const type = mode === 'delete' ? RTM.DELNEIGH : RTM.NEWNEIGH;
  return inner.route.run({
    name: messageName(type),
    type,
    flags: MODES[mode],
    codec,
    prepare: (ask) => devices.prepareAll([named.device, named.via], ask),
    body: () => body((ref) => devices.index(ref)),
    subject: `${subject} in ${inner.subject}`,
    explain: (error) => {
      if (error.syscall === 'RTM_GETLINK') return error;
      if (error.code === 'EPERM') return withDetails(error, NEEDS_NET_ADMIN);
      const hint = hints[error.code];
      return hint === undefined ? error : withDetails(error, { hint });
    },
    signal,
  });
}

/** Which entries, and what they are read as. */
export interface NeighbourReading<T> {
  table: { family: number; flags?: number };
  /** Undefined for what is none. */
  entryOf(message: NeighbourMessage, nameOf: (index: number) => string | undefined): T | undefined;
  wanted(entry: T, message: NeighbourMessage, altNames?: AltNames): boolean;
}

/** Those that are wanted, with the names of their devices, which are read meanwhile. */
export function listNeighbours<T extends object>(
  inner: Internals,
  { table, entryOf, wanted }: NeighbourReading<T>,
  signal?: AbortSignal,
): Listing<T> {
  const read = async () => {
    const names = readNames(inner, signal);
    const decode = (message: NeighbourMessage) => {
      const entry = entryOf(message, names.nameOf);
      return entry && wanted(entry, message, names.altNamesOf) ? entry : undefined;
    };
    const entries = dumpNeighbours(inner, table, decode, signal, names.ready);
    return (await Promise.all([entries, names.ready]))[0];
  };
  return new Listing(read, inner.during, signal);
}

/** The entries of a family, or with `flags` NTF.PROXY its proxies. */
export function dumpNeighbours<T>(
  inner: Internals,
  { family, flags = 0 }: { family: number; flags?: number },
  decode: (message: NeighbourMessage) => T | undefined,
  signal?: AbortSignal,
  ready?: Promise<unknown>,
): Promise<T[]> {
  const request = {
    name: 'RTM_GETNEIGH',
    type: RTM.GETNEIGH,
    flags: 0,
    codec,
    body: { family, flags },
    subject: inner.subject,
    signal,
  };
  return inner.route.dump(request, (answer) => decode(readAnswer(codec, answer)), ready);
}
