import type { Internals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { readAnswer } from '../netlink/answer.js';
import { type AddressMessage, address as codec } from '../rtnetlink/address.js';
import { RTM } from '../rtnetlink/constants.js';

/** The addresses of all links, of one family or both. */
export function dumpAddresses<T>(
  inner: Internals,
  family: Family | undefined,
  decode: (message: AddressMessage) => T | undefined,
  signal?: AbortSignal,
  ready?: Promise<unknown>,
): Promise<T[]> {
  const request = {
    name: 'RTM_GETADDR',
    type: RTM.GETADDR,
    flags: 0,
    codec,
    body: { family: family ? familyNumber(family) : 0 },
    subject: inner.subject,
    signal,
  };
  return inner.route.dump(request, (answer) => decode(readAnswer(codec, answer)), ready);
}
