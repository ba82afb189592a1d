import type { Internals } from '../namespaces/network.js';
import { type ErrorDetails, NsnetError } from '../syscalls/errors.js';

/** Codes of getaddrinfo(3) as libuv numbers them, and what they mean. */
const GETADDRINFO = {
  ENOTFOUND: { errno: -3008, text: 'no address is known for that name' },
  EAI_AGAIN: { errno: -3001, text: 'no nameserver has answered the question' },
} as const;

/** The error of a lookup, shaped as that of dns.lookup. */
export function lookupError(
  { subject }: Internals,
  hostname: string,
  code: keyof typeof GETADDRINFO,
  details: ErrorDetails = {},
): NsnetError {
  const { errno, text } = GETADDRINFO[code];
  return new NsnetError(code, text, {
    errno,
    syscall: 'getaddrinfo',
    hostname,
    subject: `name '${hostname}' in ${subject}`,
    ...details,
  });
}

/** Node's codes of dns.resolve() (c-ares), and what they mean. */
const RESOLVE: Readonly<Record<string, string>> = {
  EBADNAME: 'DNS cannot have such a name',
  EBADRESP: 'the nameserver has answered with what is no answer',
  ECONNREFUSED: 'no nameserver could be asked',
  EFORMERR: 'the nameserver does not understand the question',
  ENODATA: 'there is no such record of that name',
  ENOTFOUND: 'there is no such name',
  ENOTIMP: 'the nameserver does not answer such questions',
  EREFUSED: 'the nameserver refuses to answer',
  ESERVFAIL: 'the nameserver could not find the answer',
  ETIMEOUT: 'no nameserver has answered in time',
};

/** The error of a question to nameservers, shaped as that of dns.promises.resolve. */
export function resolveError(
  { subject }: Internals,
  hostname: string,
  code: string,
  details: ErrorDetails,
): NsnetError {
  return new NsnetError(code, RESOLVE[code] ?? 'the question failed', {
    hostname,
    subject: `name '${hostname}' in ${subject}`,
    ...details,
  });
}
