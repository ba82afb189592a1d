// What programs do with UDP sockets, each giving what came of it: datagram-uses.mjs prints what node:dgram itself gives in
// the namespace that it is started in.
import { createSocket } from 'node:dgram';
import { on, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const FAMILIES = { udp4: '127.0.0.1', udp6: '::1' };

/** What an error says that does not depend on who says it. */
const told = (error) => (error ? { code: error.code, ...(error.port && { port: error.port > 0 }) } : error);
const thrown = (call) => {
  try {
    call();
    return 'nothing';
  } catch (error) {
    return `${error.constructor.name === 'NsnetError' ? 'Error' : error.name} ${error.code}`;
  }
};
const sent = (socket, ...args) =>
  new Promise((resolve) => socket.send(...args, (error, bytes) => resolve(error ? told(error).code : bytes)));
const next = async (socket) => {
  const [bytes, { port, ...from }] = await once(socket, 'message');
  return [String(bytes), Buffer.isBuffer(bytes), bytes.byteOffset, port > 0, from];
};
const connected = async (socket, port, ...address) => {
  socket.connect(port, ...address);
  await once(socket, 'connect');
};

/** Each is given a pair of sockets of one family on the loopback device, bound, and the port of the second. */
const uses = {
  async 'signatures of send'(a, b, port, host) {
    const bytes = Buffer.from('0123456789');
    const all = [];
    const calls = [
      ['text', port, host],
      [bytes, port, host],
      [bytes, 2, 3, port, host],
      ['0123', 1, 2, port, host],
      [new Uint16Array([0x3031, 0x3233]), port, host],
      [new DataView(bytes.buffer, bytes.byteOffset + 1, 2), port, host],
      [['a', bytes, Buffer.from('z')], port, host],
      [[], port, host],
      ['', port, host],
      [bytes, port],
      [bytes, 1, 1, port],
      [bytes, `${port}`, host],
      [bytes, port, undefined],
      [bytes, port, null],
    ];
    for (const call of calls) {
      const arrived = next(b);
      all.push([await sent(a, ...call), await arrived]);
      const again = next(b);
      a.send(...call);
      all.push(await again);
    }
    return all;
  },
  async 'signatures of send, connected'(a, b, port, host) {
    await connected(a, port, host);
    const all = [];
    for (const call of [['text'], [Buffer.from('0123'), 1, 2], [['a', 'b']], [[]]]) {
      const arrived = next(b);
      all.push([await sent(a, ...call), await arrived]);
      const again = next(b);
      a.send(...call);
      all.push(await again);
    }
    return all;
  },
  async 'what send refuses'(a, b, port, host) {
    const calls = [
      [],
      ['x'],
      ['x', 0],
      ['x', 65_536],
      ['x', -1],
      ['x', 1.5],
      ['x', 'port'],
      ['x', ''],
      ['x', '  '],
      ['x', {}],
      ['x', port, 5],
      ['x', port, {}],
      [5, port],
      [null, port],
      [{}, port],
      [[5], port],
      [['a', {}], port],
      ['0123', 5, 1, port, host],
      ['0123', 1, 4, port, host],
      ['0123', 1, -1, port, host],
      [5, 0, 1, port, host],
    ];
    const refused = calls.map((call) => thrown(() => a.send(...call)));
    await connected(b, port, host);
    const too = [['x', port], ['x', 0, 1, port], ['x', 0, 1, port, host], [5], ['0123', 1, 4]].map((call) =>
      thrown(() => b.send(...call)),
    );
    return [refused, too];
  },
  async 'what the kernel refuses'(a, _b, port, host) {
    const other = host === '::1' ? '127.0.0.1' : '::1';
    let errors = 0;
    a.on('error', () => errors++);
    a.send(Buffer.alloc(65_536), port, host);
    await sleep(20);
    return [
      await sent(a, Buffer.alloc(65_536), port, host),
      await sent(a, 'x', port, other),
      await sent(a, 'x', 7, host === '::1' ? '2001:db8::1' : '192.0.2.1'),
      errors,
    ];
  },
  async 'the longest, and an empty one'(a, b, port, host) {
    const most = host === '::1' ? 65_527 : 65_507;
    const bytes = Buffer.alloc(most, 7);
    const arrived = once(b, 'message');
    const size = await sent(a, bytes, port, host);
    const [got, { size: told }] = await arrived;
    const empty = next(b);
    a.send('', port, host);
    return [size, got.equals(bytes), told, await empty];
  },
  async 'one after the other, with promises between'(a, b, port, host) {
    for (let i = 0; i < 5; i++) a.send(String(i), port, host);
    const all = [];
    for (let i = 0; i < 5; i++) all.push((await next(b))[0]);
    return all;
  },
  async 'in order, by on()'(a, b, port, host) {
    const all = [];
    let i = 0;
    const more = () => a.send(String(i++), port, host, () => i < 100 && more());
    more();
    for await (const [bytes] of on(b, 'message')) {
      all.push(Number(bytes));
      if (all.length === 100) break;
    }
    return all.every((value, index) => value === index);
  },
  async 'connect, disconnect, and their errors'(a, b, port, host) {
    const all = [];
    const note = (call) => all.push(thrown(call));
    for (const wrong of [0, 65_536, 'x', undefined]) note(() => a.connect(wrong));
    note(() => a.connect(port, 5));
    note(() => a.disconnect());
    note(() => a.remoteAddress());
    const called = new Promise((resolve) => a.connect(port, host, resolve));
    note(() => a.connect(port, host));
    note(() => a.disconnect());
    all.push(await called);
    all.push({ ...a.remoteAddress(), port: a.remoteAddress().port === port });
    note(() => a.connect(port, host));
    const arrived = next(b);
    a.send('x');
    all.push(await arrived);
    all.push(a.disconnect());
    note(() => a.remoteAddress());
    await connected(a, port);
    all.push(a.remoteAddress().address);
    a.disconnect();
    const refused = await new Promise((resolve) =>
      a.connect(port, host === '::1' ? '127.0.0.1' : '::1', resolve),
    );
    all.push(told(refused));
    const event = once(a, 'error').catch((error) => [error]);
    a.once('error', () => {});
    a.connect(port, host === '::1' ? '127.0.0.1' : '::1');
    all.push(told((await Promise.race([event, once(a, 'error')]))[0]));
    return all;
  },
  async 'nobody listens there'(a, b, port, host) {
    await connected(a, port, host);
    b.close();
    await once(b, 'close');
    const all = [];
    for (let i = 0; i < 3; i++) {
      const refused = new Promise((resolve) => a.once('error', resolve));
      a.send('x');
      const error = await refused;
      all.push([error.code, error.errno, error.syscall]);
    }
    return all;
  },
  async 'addresses and options'(a, b, _port, host) {
    const { port, ...own } = a.address();
    const all = [own, port > 0];
    all.push(a.setTTL(5), a.setMulticastTTL(0), a.setMulticastLoopback(false), a.setBroadcast(true));
    for (const call of ['setTTL', 'setMulticastTTL']) {
      for (const value of [0, 256, -1, '5', undefined]) {
        if (call === 'setMulticastTTL' && value === 0) continue;
        all.push(thrown(() => a[call](value)));
      }
    }
    a.setRecvBufferSize(20_000);
    a.setSendBufferSize(30_000);
    all.push(a.getRecvBufferSize(), a.getSendBufferSize(), a.getSendQueueSize(), a.getSendQueueCount());
    for (const size of [-1, 1.5, '5', 2 ** 32, Number.NaN]) all.push(thrown(() => a.setRecvBufferSize(size)));
    all.push(
      thrown(() => a.bind()),
      thrown(() => a.addMembership()),
      thrown(() => a.addMembership('')),
    );
    all.push(a.type, a.ref() === a, a.unref() === a, b.ref() === b, host.length > 0);
    return all;
  },
  async 'the end'(a, b, port, host) {
    const all = [];
    let closed = 0;
    a.on('close', () => closed++);
    all.push(a.close(() => closed++) === a, closed);
    const calls = {
      close: [],
      send: ['x', port, host],
      bind: [],
      address: [],
      remoteAddress: [],
      addMembership: ['224.0.0.1'],
      setMulticastInterface: [host],
    };
    for (const [name, args] of Object.entries(calls)) all.push(thrown(() => a[name](...args)));
    await once(a, 'close');
    await sleep(5);
    all.push(closed, a.ref() === a, a.unref() === a);
    const disposed = once(b, 'close');
    await b[Symbol.asyncDispose]();
    await disposed;
    await b[Symbol.asyncDispose]();
    return all;
  },
  async 'closed by a listener: nothing more is heard'(a, b, port, host) {
    let heard = 0;
    b.on('message', () => {
      heard++;
      if (heard === 2) b.close();
    });
    const ended = once(b, 'close');
    for (let i = 0; i < 6; i++) a.send(String(i), port, host);
    await ended;
    await sleep(20);
    return heard;
  },
  async 'a bound one that answers'(a, b, port, host) {
    b.on('message', (bytes, from) => b.send(bytes, from.port, from.address));
    const all = [];
    for (let i = 0; i < 3; i++) {
      const back = next(a);
      a.send(String(i), port, host);
      all.push(await back);
    }
    return all;
  },
};

/** What comes of each use of sockets that `make(type, address)` gives. */
export async function resultsOf(make) {
  const results = {};
  for (const [type, host] of Object.entries(FAMILIES)) {
    for (const [name, use] of Object.entries(uses)) {
      const [a, b] = [await make(type, host), await make(type, host)];
      const result = await Promise.race([use(a, b, b.address().port, host), sleep(5000, 'it hangs')]);
      results[`${type}: ${name}`] = JSON.parse(JSON.stringify(result ?? null));
      for (const socket of [a, b]) await socket[Symbol.asyncDispose]();
    }
  }
  return results;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const make = async (type, address) => {
    const socket = createSocket(type);
    socket.bind(0, address);
    await once(socket, 'listening');
    return socket;
  };
  console.log(JSON.stringify(await resultsOf(make)));
  process.exit();
}
