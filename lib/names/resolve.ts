import type { Call } from '../handles/listing.js';
import { untilGivenUp } from '../namespaces/give-up.js';
import type { Internals } from '../namespaces/network.js';
import { formatAddress, parseAddress } from '../netlink/addresses.js';
import type { ErrorDetails, NsnetError } from '../syscalls/errors.js';
import { checkKeys, checkObject, checkSignal, checkString, invalidValue } from '../syscalls/validate.js';
import { ask, type Failure } from './ask.js';
import { adviceOn, askerOf } from './dns.js';
import { recordsOf } from './dns-message.js';
import { resolveError } from './errors.js';
import { canonicalName, isDomainName, isLocalhost, isNeverAsked } from './hostname.js';
import { hostsReverse } from './hosts.js';
import { literal } from './literal.js';
import { Names } from './names.js';
import { pointerName } from './pointer.js';
import { RESOLVED_TYPES, type ResolvedRecords, type ResolvedType, readRecords } from './record.js';

/** The records of a name by nameservers, from inside a namespace. */
export async function resolve<T extends ResolvedType>(
  inner: Internals,
  hostname: string,
  rrtype: T,
  options: Call = {},
): Promise<ResolvedRecords[T]> {
  checkString('hostname', hostname);
  if (!RESOLVED_TYPES.includes(rrtype)) {
    throw invalidValue('rrtype', `one of ${RESOLVED_TYPES.join(', ')}`, rrtype);
  }
  const { signal } = checkCall(options);
  const about: About = { inner, hostname, syscall: `query${rrtype[0]}${rrtype.slice(1).toLowerCase()}` };
  return untilGivenUp(inner, { signal }, async (stopped) => {
    const name = canonicalName(hostname);
    if (isLocalhost(name)) return ownRecords(rrtype, about);
    if (isNeverAsked(name)) throw notFound(about);
    return query(about, name, rrtype, stopped);
  });
}

/** The names of an address: by `netns.hosts`, /etc/netns/<name>/hosts, then nameservers. */
export async function reverse(inner: Internals, ip: string, options: Call = {}): Promise<string[]> {
  checkString('ip', ip);
  if (!literal(ip)) throw invalidValue('ip', 'an IPv4 or IPv6 address', ip);
  const { signal } = checkCall(options);
  return untilGivenUp(inner, { signal }, async (stopped) => {
    const known = await hostsReverse(Names.of(inner), ip);
    stopped.throwIfAborted();
    if (known.length > 0) return known;
    const { bytes } = parseAddress(ip.replace(/%.*/, ''));
    if (isLoopback(bytes)) return ['localhost'];
    return query({ inner, hostname: ip, syscall: 'getHostByAddr' }, pointerName(bytes), 'PTR', stopped);
  });
}

/** Of whom errors tell. */
interface About {
  inner: Internals;
  hostname: string;
  syscall: string;
}

async function query<T extends ResolvedType>(
  about: About,
  name: string,
  type: T,
  stopped: AbortSignal,
): Promise<ResolvedRecords[T]> {
  const { inner, hostname, syscall } = about;
  const fail = (code: string, details: ErrorDetails = {}) =>
    resolveError(inner, hostname, code, { syscall, ...details });
  if (!isDomainName(name)) throw fail('EBADNAME');
  const asker = await askerOf(inner, stopped);
  const question = { name, type };
  const [outcome] = await ask(asker, [question]);
  const { response, failures } = outcome!;
  if (!response) throw fail(codeOf(failures), { hint: adviceOn(failures, asker.settings) });
  const records = recordsOf(response, question);
  if (records.length === 0) throw fail(response.rcode === 'NXDOMAIN' ? 'ENOTFOUND' : 'ENODATA');
  try {
    return readRecords(
      type,
      records.map(({ data }) => data),
    );
  } catch (cause) {
    throw fail('EBADRESP', { cause });
  }
}

/** What is said of this namespace itself without asking anybody. */
function ownRecords<T extends ResolvedType>(type: T, about: About): ResolvedRecords[T] {
  const own: Partial<ResolvedRecords> = { A: ['127.0.0.1'], AAAA: ['::1'] };
  const records = own[type];
  if (!records) throw resolveError(about.inner, about.hostname, 'ENODATA', { syscall: about.syscall });
  return records as ResolvedRecords[T];
}

function notFound({ inner, hostname, syscall }: About): NsnetError {
  return resolveError(inner, hostname, 'ENOTFOUND', { syscall });
}

const CODES: Readonly<Record<string, string>> = {
  ETIMEOUT: 'ETIMEOUT',
  FORMERR: 'EFORMERR',
  SERVFAIL: 'ESERVFAIL',
  NOTIMP: 'ENOTIMP',
  REFUSED: 'EREFUSED',
};

/** Node's code for what the last nameserver has said: ECONNREFUSED where it could not be asked. */
function codeOf(failures: readonly Failure[]): string {
  const { code } = failures.at(-1)!;
  return CODES[code] ?? (code.startsWith('E') ? 'ECONNREFUSED' : 'ESERVFAIL');
}

function isLoopback(bytes: Uint8Array): boolean {
  if (bytes.length === 4) return bytes[0] === 127;
  return formatAddress(bytes) === '::1';
}

function checkCall(options: Call): Call {
  checkObject('options', options);
  checkKeys('options', options, ['signal']);
  checkSignal(options.signal);
  return options;
}
