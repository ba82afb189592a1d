import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../lib/netlink/addresses.js';
import { readControl } from '../../lib/sockets/control.js';
import { checksum, EchoMessage, readIcmp } from '../../lib/sockets/icmp.js';
import {
  decodeSocketAddress,
  encodeSocketAddress,
  formatSocketAddress,
} from '../../lib/sockets/socket-address.js';
import { quoting, replyTo, summed } from './peer.js';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('the checksum', () => {
  test('of RFC 1071’s example, and of a ping as tcpdump shows it', () => {
    expect(checksum(bytes('0001 f203 f4f5 f6f7'))).toBe(0xffff - 0xddf2);
    expect(checksum(bytes('0800 0000 0001 0001 6162'))).toBe(0x969b);
  });

  test('is 0 over bytes that hold their own, whatever their number', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 2000 }), (message) => {
        expect(checksum(summed(message))).toBe(0);
      }),
    );
  });
});

describe.each([
  ['inet', '192.0.2.1'],
  ['inet6', '2001:db8::1'],
] as const)('%s', (family, host) => {
  const target = parseAddress(host);

  /** As a router quotes it. */
  function packet(echo: Uint8Array, destination = target.bytes, extension = new Uint8Array()): Uint8Array {
    const header = new Uint8Array(family === 'inet' ? 20 : 40);
    header[0] = family === 'inet' ? 0x45 : 0x60;
    if (family === 'inet') header[9] = 1;
    else header[6] = extension.length > 0 ? 44 : 58;
    header.set(destination, family === 'inet' ? 16 : 24);
    return Uint8Array.from([...header, ...extension, ...echo]);
  }

  const unreachable = (quoted: Uint8Array) => quoting(family === 'inet' ? 3 : 1, quoted);

  function reply(echo: Uint8Array): Uint8Array {
    return replyTo(echo, (message) => {
      message[0] = family === 'inet' ? 0 : 129;
    });
  }

  test('a reply to an echo is ours, and nobody else’s', () => {
    fc.assert(
      fc.property(fc.nat(65_535), fc.nat(1500), fc.nat(1_000_000), (identifier, size, sequence) => {
        const message = new EchoMessage(target, identifier, size);
        const sent = message.numbered(sequence);
        const heard = readIcmp(family, family === 'inet' ? reply(sent) : changed(sent, 0, 129));
        expect(heard).toMatchObject({ type: 'reply', identifier, sequence: sequence & 0xffff });
        expect(heard && message.isOurs(heard, true)).toBe(true);
        const other = new EchoMessage(target, identifier ^ 1, size);
        expect(heard && other.isOurs(heard, true)).toBe(false);
      }),
    );
  });

  test('the kernel’s identifier is taken as ours', () => {
    const message = new EchoMessage(target, 1, 0);
    const other = new EchoMessage(target, 2, 0);
    const heard = readIcmp(
      family,
      family === 'inet' ? reply(other.numbered(1)) : changed(other.numbered(1), 0, 129),
    );
    expect(heard && message.isOurs(heard, false)).toBe(true);
  });

  test('a quoted echo is ours, however little of it there is', () => {
    const message = new EchoMessage(target, 77, 56);
    const quoted = packet(message.numbered(5));
    const header = quoted.length - 64;
    for (let length = 0; length <= quoted.length; length++) {
      const heard = readIcmp(family, unreachable(quoted.slice(0, length)));
      if (length < header + 8) expect(heard).toBeUndefined();
      else expect(heard && message.isOurs(heard, true)).toBe(true);
    }
  });

  test('a quoted echo to somebody else is not', () => {
    const message = new EchoMessage(target, 77, 56);
    const heard = readIcmp(family, unreachable(packet(message.numbered(5), changed(target.bytes, 3, 99))));
    expect(heard && message.isOurs(heard, true)).toBe(false);
  });

  test('who pings the unspecified address is told of the loopback', () => {
    const message = new EchoMessage({ family, bytes: new Uint8Array(target.bytes.length) }, 77, 56);
    const heard = readIcmp(family, unreachable(packet(message.numbered(5))));
    expect(heard && message.isOurs(heard, true)).toBe(true);
  });

  test('what quotes a later fragment says nothing of an echo', () => {
    const echo = new EchoMessage(target, 77, 56).numbered(1);
    if (family === 'inet') {
      expect(readIcmp(family, unreachable(changed(packet(echo), 7, 1)))).toBeUndefined();
      expect(readIcmp(family, unreachable(changed(packet(echo), 6, 0x20)))).toBeDefined();
    } else {
      const first = bytes('3a 00 0001 00000001');
      const later = bytes('3a 00 0008 00000001');
      expect(readIcmp(family, unreachable(packet(echo, target.bytes, first)))).toMatchObject({ sequence: 1 });
      expect(readIcmp(family, unreachable(packet(echo, target.bytes, later)))).toBeUndefined();
    }
  });

  test('bytes of whatever kind never throw', () => {
    const types = family === 'inet' ? [0, 3, 11] : [1, 2, 3, 129];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 200 }), (type, random) => {
        const message = Uint8Array.from([type, ...random]);
        if (message.length >= 4) summed(message);
        readIcmp(family, message);
      }),
      { numRuns: 2000 },
    );
  });

  test('its address, to the kernel and back', () => {
    const given = { bytes: target.bytes, scope: family === 'inet' ? 0 : 7, port: 4242 };
    const raw = encodeSocketAddress(given);
    const back = decodeSocketAddress(raw);
    expect(back).toEqual(given);
    expect(decodeSocketAddress(raw.slice(0, -1))).toBeUndefined();
    if (!back || family === 'inet') return;
    expect(formatSocketAddress(back)).toBe('2001:db8::1%7');
    expect(formatSocketAddress(back, new Map([[7, 'eth0']]))).toBe('2001:db8::1%eth0');
  });
});

function changed(message: Uint8Array, at: number, value: number): Uint8Array {
  const copy = message.slice();
  copy[at] = value;
  return copy;
}

test('control data: whatever kind never throws, and never ends never', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (random, length) => {
      if (random.length > 8) random.fill(0, 1, 8)[0] = length;
      readControl(random);
    }),
    { numRuns: 2000 },
  );
});
