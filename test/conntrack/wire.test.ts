// The table of connection tracking's messages, and what may come in its place: anything.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeEntry } from '../../lib/conntrack/describe.js';
import { entryOf } from '../../lib/conntrack/entry.js';
import { conntrack } from '../../lib/conntrack/wire.js';
import { Bytes } from '../../lib/netlink/bytes.js';
import type { AnyCodec } from '../../lib/netlink/codec.js';
import { NsnetError } from '../../lib/syscalls/errors.js';
import { encode, roundTrip } from '../netlink/round-trip.js';
import { scaled } from '../support/scale.js';

const codec = conntrack as unknown as AnyCodec;
const counter = fc.maxSafeNat();

test('reads what it wrote', () => {
  const message = { family: 2, version: 0, resId: 0 };
  fc.assert(
    fc.property(counter, counter, (packets, bytes) => {
      const value = { ...message, attributes: { countersOriginal: { packets, bytes } } };
      expect(roundTrip(codec, value)).toStrictEqual(value);
    }),
    { numRuns: scaled(300, 20) },
  );
});

test('whatever comes is an entry, or none, or EBADMSG', () => {
  const spoilt = fc.tuple(
    fc.constantFrom(2, 10, 7),
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 8 }),
  );
  const whole = encode(codec, {
    family: 2,
    version: 0,
    resId: 0,
    attributes: {
      original: {
        ip: { v4Source: '10.0.0.1', v4Destination: '10.0.0.2' },
        protocol: { number: 6, sourcePort: 1, destinationPort: 2 },
      },
      reply: {
        ip: { v4Source: '10.0.0.2', v4Destination: '10.0.0.1' },
        protocol: { number: 6, sourcePort: 2, destinationPort: 1 },
      },
      status: 0xffff,
      protocolInfo: { tcp: { state: 3 } },
      timeout: 5,
      mark: 0,
      id: 1,
    },
  });
  let entries = 0;
  fc.assert(
    fc.property(spoilt, ([family, tail, changes]) => {
      const bytes = new Uint8Array([...whole, ...tail]);
      bytes[0] = family;
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      try {
        const entry = entryOf(conntrack.read(new Bytes(bytes), 0, bytes.length));
        if (!entry) return;
        entries++;
        expect(describeEntry(entry)).toMatch(/^\S+ +\d+ .*src=\S+ dst=\S+.*\n$/);
      } catch (error) {
        if (!(error instanceof NsnetError) || error.code !== 'EBADMSG') throw error;
      }
    }),
    { numRuns: scaled(5000, 200) },
  );
  expect(entries).toBeGreaterThan(0);
});
