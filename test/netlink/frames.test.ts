import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDone, readError } from '../../lib/netlink/ack.js';
import { Bytes } from '../../lib/netlink/bytes.js';
import { NLM_F, NLMSG } from '../../lib/netlink/constants.js';
import {
  encodeMessage,
  type Frame,
  framesOf,
  readFrame,
  sizeMessage,
  writeMessage,
} from '../../lib/netlink/frames.js';
import { raw, string, u32 } from '../../lib/netlink/primitives.js';
import { NsnetError } from '../../lib/syscalls/errors.js';
import { scaled } from '../support/scale.js';

const GARBLED = expect.objectContaining({ name: 'NsnetError', code: 'EBADMSG' });
const header = { type: 16, flags: NLM_F.REQUEST, seq: 0xfffffffe, port: 7 };

describe('messages of a datagram', () => {
  test('one after the other', () => {
    const bytes = new Bytes(new Uint8Array(100).fill(0xa5));
    const second = writeMessage(bytes, 0, header, string, 'ab');
    const end = writeMessage(bytes, second, { ...header, seq: 1 }, u32, 5);
    expect([second, end]).toEqual([20, 40]);
    const frames = framesOf(bytes, 0, end);
    expect(frames).toEqual([
      { ...header, offset: 0, length: 19 },
      { ...header, seq: 1, offset: 20, length: 20 },
    ]);
    expect(readFrame(string, bytes, frames[0]!)).toBe('ab');
    expect(readFrame(u32, bytes, frames[1]!)).toBe(5);
    expect(bytes.array[19]).toBe(0);
    expect(framesOf(bytes, 20, 20)).toHaveLength(1);
    expect(framesOf(bytes, 0, 0)).toEqual([]);
  });

  test('the last one may lack its padding', () => {
    const content = encodeMessage(header, string, 'ab');
    expect(content).toHaveLength(20);
    expect(framesOf(new Bytes(content.subarray(0, 19)))).toHaveLength(1);
  });

  test.each([
    ['cut off in a header', 36, 16],
    ['cut off in a message', 39, 0],
  ])('%s', (_, length) => {
    const message = encodeMessage(header, u32, 5);
    const content = Uint8Array.of(...message, ...message).subarray(0, length);
    expect(() => framesOf(new Bytes(content))).toThrow(GARBLED);
  });

  test.each([0, 1, 15, 21, 0xffffffff])('one that claims %d bytes', (length) => {
    const content = encodeMessage(header, u32, 5);
    new DataView(content.buffer).setUint32(0, length, true);
    expect(() => framesOf(new Bytes(content))).toThrow(GARBLED);
  });

  test('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (content) => {
        try {
          framesOf(new Bytes(content));
        } catch (error) {
          expect(error).toEqual(GARBLED);
        }
      }),
      { numRuns: scaled(2000, 100) },
    );
  });

  test('that do not hold what their type says', () => {
    const bytes = new Bytes(encodeMessage(header, string, 'abcdefg'));
    const [frame] = framesOf(bytes) as [Frame];
    expect(readFrame(raw, bytes, frame)).toHaveLength(8);
    expect(() => readFrame({ ...u32, read: () => undefined }, bytes, frame)).toThrow(GARBLED);
  });

  test('no room', () => {
    expect(sizeMessage(string, 'ab')).toBe(20);
    expect(() => writeMessage(Bytes.alloc(19), 0, header, string, 'ab')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  test.each([{ type: 0x10000 }, { flags: -1 }, { seq: 2 ** 32 }, { port: 0.5 }])(
    'a header of %j',
    (wrong) => {
      expect(() => encodeMessage({ ...header, ...wrong }, u32, 1)).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
      );
    },
  );
});

describe('acks', () => {
  /** An ack of `type` with `content` after its header. */
  function ack(type: number, flags: number, content: number[]): [Bytes, Frame] {
    const bytes = new Bytes(encodeMessage({ type, flags, seq: 1, port: 0 }, raw, Uint8Array.from(content)));
    return [bytes, framesOf(bytes)[0]!];
  }
  const errno = [0xea, 0xff, 0xff, 0xff]; // -22
  const request = [20, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0];
  const text = [8, 0, 1, 0, 0x6e, 0x6f, 0, 0];

  test('that miss an attribute', () => {
    const content = [...errno, ...request, 8, 0, 5, 0, 3, 0, 0, 0, 8, 0, 6, 0, 36, 0, 0, 0];
    expect(readError(...ack(NLMSG.ERROR, NLM_F.CAPPED | NLM_F.ACK_TLVS, content))).toEqual({
      error: 22,
      missingType: 3,
      missingNest: 36,
    });
  });

  test('with a cookie, and what no kernel says yet', () => {
    const content = [0, 0, 0, 0, ...request, 6, 0, 3, 0, 1, 2, 0, 0, 4, 0, 99, 0];
    expect(readError(...ack(NLMSG.ERROR, NLM_F.CAPPED | NLM_F.ACK_TLVS, content))).toEqual({
      error: 0,
      cookie: Uint8Array.of(1, 2),
      unknown: [{ type: 99, value: new Uint8Array(0) }],
    });
  });

  test('that quote the request', () => {
    const content = [...errno, ...request, 1, 2, 3, 4, ...text];
    expect(readError(...ack(NLMSG.ERROR, NLM_F.ACK_TLVS, content))).toEqual({ error: 22, message: 'no' });
    expect(readError(...ack(NLMSG.ERROR, 0, content))).toEqual({ error: 22 });
  });

  test('that are garbled', () => {
    const long = [200, ...request.slice(1)];
    for (const content of [[], errno, [...errno, ...request.slice(1)]]) {
      expect(() => readError(...ack(NLMSG.ERROR, 0, content))).toThrow(GARBLED);
    }
    expect(() => readError(...ack(NLMSG.ERROR, NLM_F.ACK_TLVS, [...errno, ...long, ...text]))).toThrow(
      GARBLED,
    );
    const broken = [...errno, ...request, 9, 0, 1, 0];
    expect(() => readError(...ack(NLMSG.ERROR, NLM_F.CAPPED | NLM_F.ACK_TLVS, broken))).toThrow(GARBLED);
  });

  test('at the end of a dump', () => {
    expect(readDone(...ack(NLMSG.DONE, NLM_F.MULTI, []))).toEqual({ error: 0 });
    expect(readDone(...ack(NLMSG.DONE, NLM_F.MULTI, [0, 0, 0, 0]))).toEqual({ error: 0 });
    expect(readDone(...ack(NLMSG.DONE, NLM_F.MULTI, [9, 0, 0, 0]))).toEqual({ error: 0 });
    expect(readDone(...ack(NLMSG.DONE, NLM_F.MULTI, errno))).toEqual({ error: 22 });
    expect(readDone(...ack(NLMSG.DONE, NLM_F.ACK_TLVS, [...errno, ...text]))).toEqual({
      error: 22,
      message: 'no',
    });
  });

  test('of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0x3ff), fc.boolean(), (content, flags, done) => {
        const [bytes, frame] = ack(done ? NLMSG.DONE : NLMSG.ERROR, flags, [...content]);
        try {
          (done ? readDone : readError)(bytes, frame);
        } catch (error) {
          expect(error).toBeInstanceOf(NsnetError);
          expect(error).toEqual(GARBLED);
        }
      }),
      { numRuns: scaled(3000, 100) },
    );
  });
});
