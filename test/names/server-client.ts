// Who asks a nameserver on 127.0.0.11: dig, and by hand.
import packet, { type Packet, type Question } from 'dns-packet';
import type { Netns } from 'nsnet';

export const ASKED: Question = { name: 'web', type: 'A', class: 'IN' };

/** A query without EDNS, with number 1. */
export function query(name: string, type: Question['type'] = 'A', changes: Partial<Packet> = {}): Buffer {
  return packet.encode({
    type: 'query',
    id: 1,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    ...changes,
  });
}

const WHERE = { host: '127.0.0.11', port: 53 };

/** By UDP; the first that is answered. */
export async function askUdp(netns: Netns, ...messages: Uint8Array[]): Promise<Buffer | undefined> {
  const socket = await netns.datagram('udp4', { bind: { host: '127.0.0.1' } });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(resolve, 8000, undefined);
      socket.on('message', (bytes) => {
        clearTimeout(timer);
        resolve(bytes);
      });
      for (const message of messages) socket.send(message, WHERE.port, WHERE.host);
    });
  } finally {
    await new Promise<void>((resolve) => socket.close(resolve));
  }
}

/** By TCP, all by one connection; so many answers as there are queries, or until it is closed. */
export async function askAllTcp(netns: Netns, count: number, ...messages: Uint8Array[]): Promise<Buffer[]> {
  const socket = await netns.connect(WHERE);
  const replies: Buffer[] = [];
  let received = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      replies.push(received.subarray(2, end));
      received = received.subarray(end);
    }
    if (replies.length >= count) socket.destroy();
  });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  const framed = messages.flatMap((message) => [
    Buffer.from([message.length >> 8, message.length & 0xff]),
    message,
  ]);
  const bytes = Buffer.concat(framed);
  socket.write(bytes.subarray(0, 1));
  socket.write(bytes.subarray(1, 5));
  socket.write(bytes.subarray(5));
  await closed;
  return replies;
}

/** By TCP; the first that is answered. */
export async function askTcp(netns: Netns, ...messages: Uint8Array[]): Promise<Buffer | undefined> {
  const [first] = await askAllTcp(netns, 1, ...messages);
  return first;
}

/** What dig prints. */
export interface Dug {
  status: string | undefined;
  flags: string[];
  answers: string[];
  bytes: number;
  text: string;
}

/** Asks by dig, a program inside the namespace. */
export async function dig(netns: Netns, ...args: string[]): Promise<Dug> {
  const at = args.some((arg) => arg.startsWith('@')) ? [] : [`@${WHERE.host}`];
  const { stdout } = await netns.run('dig', [...at, '+tries=1', '+time=8', ...args], { reject: false });
  const [, status] = /status: (\w+)/.exec(stdout) ?? [];
  const [, flags = ''] = /;; flags: ([a-z ]*);/.exec(stdout) ?? [];
  const [, section = ''] = /;; ANSWER SECTION:\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
  const [, bytes] = /MSG SIZE {2}rcvd: (\d+)/.exec(stdout) ?? [];
  return {
    status,
    flags: flags.split(' ').filter(Boolean),
    answers: section
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/\s+/g, ' ')),
    bytes: Number(bytes),
    text: stdout,
  };
}
