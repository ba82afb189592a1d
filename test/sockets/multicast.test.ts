// Datagrams to groups: on which device they are joined, and by which they leave.
import type { Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatagramOptions, type MulticastOptions, Netns, Scope, type Veth } from 'nsnet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, FAR, NEAR } from './cable.js';
import { failure } from './streams.js';

const GROUP = '239.1.2.3';
const GROUP6 = 'ff15::77';
const SECOND = {
  near: { inet: '192.168.8.1', inet6: 'fd08::1' },
  far: { inet: '192.168.8.2', inet6: 'fd08::2' },
};

const scope = new Scope();
const open: Socket[] = [];
let near: Netns;
let far: Netns;
let ends: Veth[];

beforeAll(async () => {
  [near, far] = await Promise.all([scope.use(Netns.create()), scope.use(Netns.create())]);
  ends = await connect(near, NEAR, far, FAR);
  // Two cables: a device by mistake is another one.
  await connect(near, SECOND.near, far, SECOND.far, ['eth1', 'eth1']);
});

afterAll(() => scope[Symbol.asyncDispose]());
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function udp(netns: Netns, type: 'udp4' | 'udp6', options?: DatagramOptions): Promise<Socket> {
  const socket = await netns.datagram(type, options);
  open.push(socket);
  return socket;
}

/** All that arrives from now on. */
function noted(socket: Socket): string[] {
  const all: string[] = [];
  socket.on('message', (data) => all.push(String(data)));
  return all;
}

const send = (socket: Socket, word: string, port: number, group: string) =>
  new Promise<void>((resolve, reject) =>
    socket.send(word, port, group, (error) => (error ? reject(error) : resolve())),
  );

async function settled(all: string[], count: number): Promise<string[]> {
  for (let i = 0; i < 100 && all.length < count; i++) await sleep(5);
  await sleep(20);
  return all;
}

/** One that sends by eth0, and one by eth1. */
async function senders(type: 'udp4' | 'udp6', more: MulticastOptions = {}): Promise<[Socket, Socket]> {
  const by = (device: string, host: string) =>
    udp(near, type, { bind: { host }, multicast: { device, loopback: false, ...more } });
  const [first, second] = type === 'udp4' ? [NEAR.inet, SECOND.near.inet] : [NEAR.inet6, SECOND.near.inet6];
  return [await by('eth0', first), await by('eth1', second)];
}

describe.each([
  ['udp4', GROUP],
  ['udp6', GROUP6],
] as const)('%s', (type, group) => {
  test.each([
    ['by name', () => 'eth0'],
    ['by Link', () => ends[1] as Veth],
    ['by index', () => (ends[1] as Veth).index],
  ])('a group joined on a device %s; what comes by another is not heard', async (_, device) => {
    const [right, wrong] = await senders(type);
    const receiver = await udp(far, type, {
      bind: { port: 6000 },
      multicast: { groups: [{ group, device: device() }] },
    });
    const all = noted(receiver);
    await send(wrong, 'wrong', 6000, group);
    await send(right, 'right', 6000, group);
    expect(await settled(all, 1)).toEqual(['right']);
  });

  test('of one source alone', async () => {
    const [right, wrong] = await senders(type);
    const [source, other] = type === 'udp4' ? [NEAR.inet, '192.168.7.9'] : [NEAR.inet6, 'fd07::9'];
    const one = await udp(far, type, {
      bind: { port: 6001 },
      reuseAddr: true,
      multicast: { groups: [{ group, device: 'eth0', source }] },
    });
    const none = await udp(far, type, {
      bind: { port: 6001 },
      reuseAddr: true,
      multicast: { groups: [{ group, device: 'eth0', source: other }] },
    });
    const [heard, unheard] = [noted(one), noted(none)];
    await send(right, 'right', 6001, group);
    await send(wrong, 'wrong', 6001, group);
    expect(await settled(heard, 1)).toEqual(['right']);
    expect(unheard).toEqual([]);
  });

  test('loopback', async () => {
    const receiver = await udp(near, type, {
      bind: { port: 6002 },
      multicast: { groups: [{ group, device: 'eth0' }] },
    });
    const all = noted(receiver);
    const [silent] = await senders(type, { loopback: false });
    const [loud] = await senders(type, { loopback: true });
    await send(silent, 'not heard', 6002, group);
    await send(loud, 'heard', 6002, group);
    expect(await settled(all, 1)).toEqual(['heard']);
  });

  test('ttl 0 stays where it is', async () => {
    const receiver = await udp(far, type, {
      bind: { port: 6003 },
      multicast: { groups: [{ group, device: 'eth0' }] },
    });
    const all = noted(receiver);
    // Of who is a member itself: for others the kernel does not look.
    const member = { loopback: true, groups: [{ group, device: 'eth0' }] };
    const [kept] = await senders(type, { ttl: 0, ...member });
    const [sent] = await senders(type, { ttl: 1, ...member });
    await send(kept, 'kept', 6003, group);
    await send(sent, 'sent', 6003, group);
    expect(await settled(all, 1)).toEqual(['sent']);
  });

  test('the methods: join, leave, of a source, by which device', async () => {
    const receiver = await udp(far, type, { bind: { port: 6004 } });
    const all = noted(receiver);
    const [first, second] = await senders(type);
    const say = async (word: string) => {
      await send(first, `${word} 0`, 6004, group);
      await send(second, `${word} 1`, 6004, group);
    };
    receiver.addMembership(group, 'eth0');
    await say('joined');
    receiver.addMembership(group, '::%eth1');
    await say('both');
    receiver.dropMembership(group, 'eth0');
    await say('left');
    receiver.dropMembership(group, '::%eth1');
    const source = type === 'udp4' ? SECOND.near.inet : SECOND.near.inet6;
    receiver.addSourceSpecificMembership(source, group, 'eth1');
    await say('source');
    receiver.dropSourceSpecificMembership(source, group, 'eth1');
    await say('none');
    expect((await settled(all, 5)).sort()).toEqual(['both 0', 'both 1', 'joined 0', 'left 1', 'source 1']);

    receiver.addMembership(group, 'eth0');
    receiver.addMembership(group, 'eth1');
    all.length = 0;
    second.setMulticastInterface('eth0');
    await send(second, 'moved', 6004, group);
    expect(await settled(all, 1)).toEqual(['moved']);
  });

  test('the methods refuse what is no group, device or member', async () => {
    const socket = await udp(far, type);
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => socket.addMembership('10.0.0.1')).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect(() => socket.addMembership(type === 'udp4' ? GROUP6 : GROUP)).toThrow(
      code('ERR_INVALID_ARG_VALUE'),
    );
    expect(() => socket.addMembership(5 as never)).toThrow(code('ERR_INVALID_ARG_TYPE'));
    expect(() => socket.addMembership(group, 7 as never)).toThrow(code('ERR_INVALID_ARG_TYPE'));
    expect(() => socket.addMembership(group, 'eth9')).toThrow(code('ENODEV'));
    expect(() => socket.dropMembership(group, 'eth0')).toThrow(code('EADDRNOTAVAIL'));
    expect(() => socket.setMulticastInterface('eth9')).toThrow(code('ENODEV'));
    socket.addMembership(group, 'eth0');
    expect(() => socket.addMembership(group, 'eth0')).toThrow(code('EADDRINUSE'));
  });
});

test('by an address of the device, as node:dgram has it', async () => {
  const receiver = await udp(far, 'udp4', { bind: { port: 6010 } });
  receiver.addMembership(GROUP, SECOND.far.inet);
  const all = noted(receiver);
  const sender = await udp(near, 'udp4');
  sender.setMulticastInterface(SECOND.near.inet);
  await send(sender, 'by address', 6010, GROUP);
  expect(await settled(all, 1)).toEqual(['by address']);
});

test('several receive the same, where each has reuseAddr', async () => {
  const options = {
    bind: { port: 6011 },
    reuseAddr: true,
    multicast: { groups: [{ group: GROUP, device: 'eth0' }] },
  };
  const all = [await udp(far, 'udp4', options), await udp(far, 'udp4', options)].map(noted);
  const [sender] = await senders('udp4');
  await send(sender, 'to all', 6011, GROUP);
  for (const one of all) expect(await settled(one, 1)).toEqual(['to all']);
});

test('without a device or a route to the group: ENODEV, with what to do', async () => {
  expect(await failure(near.datagram('udp4', { multicast: { groups: [{ group: GROUP }] } }))).toMatchObject({
    code: 'ENODEV',
    hint: expect.stringContaining('no route to the group'),
  });
  const sender = await udp(near, 'udp4');
  await expect(send(sender, 'x', 6012, GROUP)).rejects.toMatchObject({ code: 'ENETUNREACH' });
});
