import type { CaaRecord, MxRecord, NaptrRecord, SoaRecord, SrvRecord } from 'node:dns';
import { isIP } from 'node:net';
import type { CaaData, MxData, NaptrData, SoaData, SrvData, TxtData } from 'dns-packet';

/** What resolve() gives for each type of record: the shapes of dns.promises.resolve. */
export interface ResolvedRecords {
  A: string[];
  AAAA: string[];
  CAA: CaaRecord[];
  CNAME: string[];
  MX: MxRecord[];
  NAPTR: NaptrRecord[];
  NS: string[];
  PTR: string[];
  SOA: SoaRecord;
  SRV: SrvRecord[];
  TXT: string[][];
}

export type ResolvedType = keyof ResolvedRecords;

type Reader<T extends ResolvedType> = (
  data: never,
) => ResolvedRecords[T] extends readonly (infer Item)[] ? Item : ResolvedRecords[T];

/** A name of a host as records have it; '' for the root. Others may not come through to who trusts in names. */
function host(data: unknown): string {
  const name = String(data);
  if (name === '.') return '';
  if (!/^[\w.*/-]+$/.test(name)) throw new Error('a name with characters that names do not have');
  return name;
}

function address(family: 4 | 6): (data: unknown) => string {
  return (data) => {
    if (isIP(String(data)) !== family) throw new Error('a malformed address');
    return String(data);
  };
}

const text = (data: Uint8Array | string) => (typeof data === 'string' ? data : Buffer.from(data).toString());

const READERS: { [T in ResolvedType]: Reader<T> } = {
  A: address(4),
  AAAA: address(6),
  CAA: ({ flags = 0, tag, value }: CaaData) => ({ critical: flags, [tag]: value }),
  CNAME: host,
  MX: ({ exchange, preference = 0 }: MxData) => ({ exchange: host(exchange), priority: preference }),
  NAPTR: ({ flags, services, regexp, replacement, order, preference }: NaptrData) => ({
    flags,
    service: services,
    regexp,
    replacement: host(replacement),
    order,
    preference,
  }),
  NS: host,
  PTR: host,
  SOA: ({ mname, rname, serial, refresh, retry, expire, minimum }: Required<SoaData>) => ({
    nsname: host(mname),
    hostmaster: rname,
    serial,
    refresh,
    retry,
    expire,
    minttl: minimum,
  }),
  SRV: ({ target, port, priority = 0, weight = 0 }: SrvData) => ({
    name: host(target),
    port,
    priority,
    weight,
  }),
  TXT: (data: TxtData) => (Array.isArray(data) ? data : [data]).map(text),
};

export const RESOLVED_TYPES = Object.keys(READERS) as ResolvedType[];

/** What resolve() gives, from the data of at least one record. Throws for what a nameserver must not send. */
export function readRecords<T extends ResolvedType>(type: T, data: readonly unknown[]): ResolvedRecords[T] {
  const read = READERS[type] as (data: unknown) => unknown;
  const all = data.map(read);
  return (type === 'SOA' ? all[0] : all) as ResolvedRecords[T];
}
