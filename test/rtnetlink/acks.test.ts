import { describe, expect, test } from 'vitest';
import { type Ack, readDone, readError } from '../../lib/netlink/ack.js';
import { Bytes } from '../../lib/netlink/bytes.js';
import type { AnyCodec } from '../../lib/netlink/codec.js';
import { NLMSG } from '../../lib/netlink/constants.js';
import { encodeMessage } from '../../lib/netlink/frames.js';
import { attributePath, missingPath } from '../../lib/netlink/path.js';
import { link } from '../../lib/rtnetlink/link.js';
import { route } from '../../lib/rtnetlink/route.js';
import { codecOf } from './codecs.js';
import { frameOf, type Golden, goldens } from './goldens.js';

const acks = goldens('acks');
const named = (title: string) => acks.find((golden) => golden.title === title) as Golden;

function ack(title: string): Ack {
  const golden = named(title);
  return readError(new Bytes(golden.content), frameOf(golden));
}

function path(title: string): string | undefined {
  const request = named(`request: ${title}`);
  const { offset } = ack(`capped: ${title}`);
  return offset === undefined
    ? undefined
    : attributePath(codecOf(frameOf(request).type), request.content, offset);
}

describe.each(['capped', 'whole'])('%s acks', (kind) => {
  test('of success', () => expect(ack(`${kind}: success`)).toEqual({ error: 0 }));

  test('of an error without words', () => expect(ack(`${kind}: no such link`)).toEqual({ error: 19 }));

  test('with words', () => {
    expect(ack(`${kind}: gateway`)).toEqual({ error: 101, message: 'Nexthop has invalid gateway' });
  });

  test('with words and a place', () => {
    expect(ack(`${kind}: text and offset`)).toEqual({
      error: 34,
      message: 'VXLAN ID must be lower than 16777216',
      offset: 60,
    });
    expect(ack(`${kind}: offset within a nest`)).toMatchObject({ error: 34, offset: 68 });
  });

  test('with the policy that was broken', () => {
    expect(ack(`${kind}: policy`)).toEqual({
      error: 34,
      message: 'binary attribute size out of range',
      offset: 60,
      policy: { minLength: 8, maxLength: 8, type: 10 },
    });
  });
});

test('a dump that is refused says so in its ack or its end', () => {
  const golden = named('refused dump');
  const { type } = frameOf(golden);
  const read = type === NLMSG.DONE ? readDone : readError;
  const { error, message } = read(new Bytes(golden.content), frameOf(golden));
  expect(error).toBe(22);
  expect(message).toMatch(/link/i);
});

test('places become paths', () => {
  expect(path('text and offset')).toBe('linkinfo.data.id');
  expect(path('offset within a nest')).toBe('linkinfo.data.portRange');
  expect(path('policy')).toBe('linkinfo.data.multiBoolopt');
});

describe('attributePath', () => {
  const header = { type: 16, flags: 0, seq: 0, port: 0 };
  const veth = encodeMessage(header, link, {
    attributes: {
      ifname: 'a',
      linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'b', mtu: 9 } } } },
      propList: { altIfname: ['first', 'second'] },
      unknown: [{ type: 999, value: Uint8Array.of(1) }],
    },
  });

  /** Every path that some offset leads to, in the order of the message. */
  function paths(codec: AnyCodec, request: Uint8Array): string[] {
    const found: string[] = [];
    for (let at = 0; at < request.length + 8; at++) {
      const path = attributePath(codec, request, at);
      if (path !== undefined && !found.includes(path)) found.push(path);
    }
    return found;
  }

  test('goes through nested messages, lists and unknown attributes', () => {
    expect(paths(link as AnyCodec, veth)).toEqual([
      'ifname',
      'linkinfo',
      'linkinfo.kind',
      'linkinfo.data',
      'linkinfo.data.peer',
      'linkinfo.data.peer.ifname',
      'linkinfo.data.peer.mtu',
      'propList',
      'propList.altIfname[0]',
      'propList.altIfname[1]',
      '#999',
    ]);
  });

  test('goes through the ways of a route', () => {
    const request = encodeMessage(header, route, {
      attributes: {
        dst: '10.0.0.0',
        multipath: [{ attributes: { gateway: '10.0.0.1' } }, { attributes: { gateway: '10.0.0.2' } }],
      },
    });
    expect(paths(route as AnyCodec, request)).toEqual([
      'dst',
      'multipath',
      'multipath[0]',
      'multipath[0].gateway',
      'multipath[1]',
      'multipath[1].gateway',
    ]);
  });

  test('names what is missing', () => {
    const nest = veth.indexOf(18); // IFLA_LINKINFO
    expect(missingPath(link as AnyCodec, veth, 3)).toBe('ifname');
    expect(missingPath(link as AnyCodec, veth, 998)).toBe('#998');
    expect(missingPath(link as AnyCodec, veth, 2, nest - 2)).toBe('linkinfo.data');
    expect(missingPath(link as AnyCodec, veth, 77, nest - 2)).toBe('linkinfo.#77');
    expect(missingPath(link as AnyCodec, veth, 1, 5000)).toBeUndefined();
  });
});
