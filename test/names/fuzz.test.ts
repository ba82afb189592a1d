// What a nameserver may send: anything.

import packet, { type Answer, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeQuery, rcodeOf, readResponse, recordsOf } from '../../lib/names/dns-message.js';
import { parseHosts } from '../../lib/names/hosts-file.js';
import { RESOLVED_TYPES, type ResolvedType, readRecords } from '../../lib/names/record.js';
import { parseResolvConf } from '../../lib/names/resolv-conf.js';
import { scaled } from '../support/scale.js';

const name = 'web.example';
const query = (type: RecordType) => makeQuery({ name, type }, true, false);

/** A good answer of a type. */
function good(type: ResolvedType, id: number): Buffer {
  const data: Record<ResolvedType, unknown> = {
    A: '10.0.0.1',
    AAAA: 'fd00::1',
    CAA: { flags: 0, tag: 'issue', value: 'ca.example' },
    CNAME: 'alias.example',
    MX: { preference: 1, exchange: 'mail.example' },
    NAPTR: { order: 1, preference: 2, flags: 's', services: 'x', regexp: '', replacement: 'sip.example' },
    NS: 'ns.example',
    PTR: 'ptr.example',
    SOA: { mname: 'ns.example', rname: 'me.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
    SRV: { priority: 1, weight: 2, port: 3, target: 'srv.example' },
    TXT: ['one', 'two'],
  };
  const answers = [
    { name, type: 'CNAME', data: 'alias.example' },
    { name, type, data: data[type] },
    { name: 'alias.example', type, data: data[type] },
  ] as Answer[];
  return packet.encode({
    type: 'response',
    id,
    questions: [{ name, type }],
    answers,
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, options: [] } as never],
  });
}

/** All that is done with what comes. An error is one that resolve() tells of. */
function read(bytes: Uint8Array, type: ResolvedType, asked: ReturnType<typeof query>): unknown {
  const response = readResponse(bytes, asked);
  if (!response) return undefined;
  rcodeOf(response);
  const records = recordsOf(response, asked.question);
  if (records.length === 0) return undefined;
  try {
    return readRecords(
      type,
      records.map(({ data }) => data),
    );
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return undefined;
  }
}

test.each(RESOLVED_TYPES)('%s, with bytes changed, cut off and put in', (type) => {
  const asked = query(type);
  const whole = good(type, asked.id);
  expect(read(whole, type, asked)).toBeDefined();
  for (let length = 0; length < whole.length; length++) read(whole.subarray(0, length), type, asked);
  const change = fc.record({
    // The number stays: what has another is not read.
    at: fc.nat(whole.length - 3).map((at) => at + 2),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0xc0, 0xff, 12)),
    put: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      let bytes = Buffer.from(whole);
      for (const { at, value, put } of changes) {
        if (put) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(value), bytes.subarray(at)]);
        else bytes[at] = value;
      }
      read(bytes, type, asked);
    }),
    { numRuns: scaled(500, 100) },
  );
});

test('noise', () => {
  const asked = query('A');
  const header = Buffer.of(asked.id >> 8, asked.id & 0xff, 0x81, 0x80);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
      read(noise, 'A', asked);
      read(Buffer.concat([header, noise]), 'A', asked);
    }),
    { numRuns: scaled(1000, 100) },
  );
});

test('files of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      parseHosts(text);
      parseHosts(`10.0.0.1 ${text}`);
      parseResolvConf(text, 'this test');
      parseResolvConf(`search ${text}\noptions ${text}\nnameserver ${text}`, 'this test');
    }),
    { numRuns: scaled(500, 100) },
  );
});
