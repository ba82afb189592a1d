import type { Internals } from '../namespaces/network.js';
import { NsnetError, unsupportedError } from '../syscalls/errors.js';
import { subjectOf } from './make.js';
import type { HostState, NetworkState } from './state.js';

/** ENOENT, with those that there are. */
export function notThere({ networks }: HostState, name: string, inner: Internals): NsnetError {
  const others = networks.map(({ settings }) => settings.name).filter((one) => one !== name);
  return new NsnetError('ENOENT', 'no such file or directory', {
    subject: subjectOf(name, inner),
    hint: others.length > 0 ? `There are: ${others.join(', ')}` : undefined,
  });
}

export function ofOneProcess(name: string, inner: Internals): NsnetError {
  return unsupportedError('the bridge of this network is in a namespace that its owner alone holds', {
    subject: subjectOf(name, inner),
    hint: 'Networks made without `router: true` can be opened by every process',
  });
}

export function noEndpoint(name: string, subject: string, { endpoints }: NetworkState): NsnetError {
  const names = endpoints.flatMap((endpoint) => endpoint.name ?? []);
  return new NsnetError('ENOENT', 'no such file or directory', {
    subject: `endpoint '${name}' of ${subject}`,
    hint: names.length > 0 ? `There are: ${names.join(', ')}` : 'Nothing is connected to it',
  });
}

/** Throws EBUSY where something is connected to it by others than these. */
export function checkUsers(
  subject: string,
  found: NetworkState | undefined,
  own: Iterable<{ hostLink: { index: number } }>,
): void {
  const mine = new Set([...own].map(({ hostLink }) => hostLink.index));
  const others = (found?.endpoints ?? []).filter(({ index }) => !mine.has(index));
  if (others.length === 0) return;
  const names = others.map(({ name, device }) => name ?? device);
  throw new NsnetError('EBUSY', 'device or resource busy', {
    subject,
    hint: `Connected to it: ${names.join(', ')}. disconnect() them first, or remove({ force: true })`,
  });
}
