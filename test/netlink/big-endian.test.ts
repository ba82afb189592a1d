import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';

// The same code as it runs where the other byte order is the host's: the library asks when it is imported, first by this test.
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const { endianness } = os;

beforeAll(() => {
  os.endianness = () => (littleEndian ? 'BE' : 'LE');
  syncBuiltinESMExports();
});
afterAll(() => {
  os.endianness = endianness;
  syncBuiltinESMExports();
});

test('messages in the other byte order', async () => {
  const { encodeMessage, framesOf, readFrame } = await import('../../lib/netlink/frames.js');
  const { Bytes } = await import('../../lib/netlink/bytes.js');
  const { route } = await import('../../lib/rtnetlink/route.js');
  const request = {
    family: 2,
    dstLen: 8,
    flags: 0x01020304,
    attributes: {
      table: 1000,
      dst: '10.0.0.0',
      sport: 0x1234,
      mfcStats: { packets: 0x1122334455, bytes: 2n ** 63n, wrongIf: 3 },
      multipath: [{ index: -2, hops: 1, attributes: { gateway: '10.0.0.1' } }],
    },
  };
  const content = encodeMessage({ type: 24, flags: 0x0305, seq: 7, port: 8 }, route, request);
  const hex = Buffer.from(content).toString('hex');
  const expected = [
    '00000064 0018 0305 00000007 00000008',
    '02080000 00000000 01020304',
    '0008 000f 000003e8',
    '0008 0001 0a000000',
    '0006 001c 1234 0000',
    '001c 0011 0000001122334455 8000000000000000 0000000000000003',
    '0014 0009 0010 00 01 fffffffe 0008 0005 0a000001',
  ];
  if (littleEndian) expect(hex).toBe(expected.join('').replaceAll(' ', ''));
  const bytes = new Bytes(content);
  const [frame] = framesOf(bytes);
  expect(frame).toEqual({ type: 24, flags: 0x0305, seq: 7, port: 8, offset: 0, length: 100 });
  expect(readFrame(route, bytes, frame!)).toMatchObject(request);
});
