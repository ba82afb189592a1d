import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bytes } from '../../lib/netlink/bytes.js';
import type { AnyCodec } from '../../lib/netlink/codec.js';
import { AF } from '../../lib/netlink/constants.js';
import { framesOf, readFrame } from '../../lib/netlink/frames.js';
import { formatIPv4 } from '../../lib/netlink/ipv4.js';
import { address } from '../../lib/rtnetlink/address.js';
import { bridge, bridgePort } from '../../lib/rtnetlink/bridge.js';
import { link, linkInfo } from '../../lib/rtnetlink/link.js';
import { linkStats64 } from '../../lib/rtnetlink/link-stats.js';
import { neighbour } from '../../lib/rtnetlink/neighbour.js';
import { nsid } from '../../lib/rtnetlink/nsid.js';
import { route, via } from '../../lib/rtnetlink/route.js';
import { vlan } from '../../lib/rtnetlink/vlan.js';
import { vxlan } from '../../lib/rtnetlink/vxlan.js';
import { NsnetError } from '../../lib/syscalls/errors.js';
import { arbitrary } from '../netlink/arbitrary.js';
import { decode, encode, roundTrip } from '../netlink/round-trip.js';
import { scaled } from '../support/scale.js';
import { codecOf } from './codecs.js';
import { goldens } from './goldens.js';

const tables: Record<string, AnyCodec> = Object.fromEntries(
  Object.entries({ link, linkInfo, bridge, bridgePort, vlan, vxlan, address, route, nsid, neighbour }).map(
    ([name, codec]) => [name, codec as AnyCodec],
  ),
);

const known = new Map<unknown, Arbitrary<unknown>>([
  [
    via.read,
    fc.tuple(fc.nat(0xffff), fc.uint8Array({ minLength: 4, maxLength: 4 })).map(([family, bytes]) => ({
      family,
      address: formatIPv4(bytes, 0),
    })),
  ],
]);

/** Runs what may throw nothing but EBADMSG. */
function tolerant(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof NsnetError) || error.code !== 'EBADMSG') throw error;
  }
}

describe.each(Object.entries(tables))('the %s table', (_name, codec) => {
  test('reads what it wrote, in the order in which it was given', () => {
    const runs = { numRuns: scaled(300, 20) };
    fc.assert(
      fc.property(arbitrary(codec, known), (value) => {
        const back = roundTrip(codec, value);
        expect(back).toStrictEqual(value);
        expect(Object.keys(back as object)).toEqual(Object.keys(value as object));
      }),
      runs,
    );
  });

  test('takes any bytes, and never throws anything but EBADMSG', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => tolerant(() => decode(codec, content))),
      { numRuns: scaled(2000, 100) },
    );
  });

  test('takes truncated messages', () => {
    fc.assert(
      fc.property(arbitrary(codec, known), fc.nat(), (value, cut) => {
        const content = encode(codec, value);
        tolerant(() => decode(codec, content.subarray(0, cut % (content.length + 1))));
      }),
      { numRuns: scaled(300, 20) },
    );
  });
});

test('attributes laid out by the header follow it', () => {
  fc.assert(
    fc.property(arbitrary(bridgePort, known), (protinfo) => {
      const value = { family: AF.BRIDGE, attributes: { protinfo, afSpec: Uint8Array.of(1, 2, 3) } };
      expect(roundTrip(link, value)).toMatchObject(value);
    }),
    { numRuns: scaled(100, 10) },
  );
  const unspec = { family: AF.UNSPEC, attributes: { afSpec: { inet6: { addrGenMode: 1 } } } };
  expect(roundTrip(link, unspec)).toMatchObject(unspec);
});

test('a struct of an older or newer kernel is read as far as both know it', () => {
  const stats = roundTrip(linkStats64, { rxPackets: 7, rxOtherhostDropped: 9 });
  expect(stats).toMatchObject({ rxPackets: 7, rxOtherhostDropped: 9 });
  const content = encode(linkStats64, { rxPackets: 7, rxOtherhostDropped: 9 });
  expect(decode(linkStats64, Uint8Array.of(...content, 1, 2, 3, 4))).toStrictEqual(stats);
  const older = decode(linkStats64, content.subarray(0, 192));
  expect(older).toMatchObject({ rxPackets: 7, rxNohandler: 0 });
  expect(older).not.toHaveProperty('rxOtherhostDropped');
  expect(encode(linkStats64, older!)).toHaveLength(192);
});

describe('real messages with errors in them', () => {
  const real = [...goldens('replies'), ...goldens('requests')].filter(({ content }) => content[4]! > 3);

  function readAll(content: Uint8Array): void {
    const bytes = new Bytes(content);
    for (const frame of framesOf(bytes)) readFrame(codecOf(frame.type) ?? link, bytes, frame);
  }

  test('flipped bits', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...real),
        fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
        ({ content }, flips) => {
          const changed = content.slice();
          for (const flip of flips) {
            const at = (flip >> 3) % changed.length;
            changed[at] = changed[at]! ^ (1 << (flip & 7));
          }
          tolerant(() => readAll(changed));
        },
      ),
      { numRuns: scaled(5000, 200) },
    );
  });

  test('cut off anywhere', () => {
    for (const { content } of real) {
      for (let length = 0; length < content.length; length += 3)
        tolerant(() => readAll(content.subarray(0, length)));
    }
  });

  test('lengths replaced', () => {
    fc.assert(
      fc.property(fc.constantFrom(...real), fc.nat(), fc.nat(0xffff), ({ content }, where, length) => {
        const changed = content.slice();
        new DataView(changed.buffer).setUint16(16 + 4 * (where % ((content.length - 16) >> 2)), length, true);
        tolerant(() => readAll(changed));
      }),
      { numRuns: scaled(3000, 100) },
    );
  });
});
