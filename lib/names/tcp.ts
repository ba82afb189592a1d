import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Internals } from '../namespaces/network.js';
import type { Nameserver } from './nameserver.js';
import { type Asking, failed, type Reply, type Wait } from './reply.js';

/** Connects by TCP from inside a namespace; `host` is an IP address, with its zone if it has one. */
export type Connect = (
  inner: Internals,
  options: { host: string; port: number; signal?: AbortSignal },
) => Promise<Duplex>;

/** Asks a nameserver by TCP, from inside: all questions by one connection. One reply for each. */
export async function askByTcp<R>(
  inner: Internals,
  connect: Connect,
  { address, zone, port }: Nameserver,
  queries: readonly Asking<R>[],
  { timeout, stopped, unref }: Wait,
): Promise<Reply<R>[]> {
  const replies = new Map<Asking<R>, Reply<R>>();
  const given = (failure: string): Reply<R>[] =>
    queries.map((query) => replies.get(query) ?? failed(failure));
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeout);
  if (unref) timer.unref();
  const onStop = () => late.abort();
  stopped.addEventListener('abort', onStop, { once: true });
  try {
    stopped.throwIfAborted();
    const host = zone === undefined ? address : `${address}%${zone}`;
    const stream = await connect(inner, { host, port, signal: late.signal });
    if (unref) (stream as Partial<Socket>).unref?.();
    await converse(stream, queries, replies, late.signal);
    return given('ECONNRESET');
  } catch (error) {
    stopped.throwIfAborted();
    if (late.signal.aborted) return given('ETIMEOUT');
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || code.startsWith('ERR_')) throw error;
    return given(code);
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener('abort', onStop);
  }
}

/** Sends the queries and collects their answers; resolves when the stream is closed. */
function converse<R>(
  stream: Duplex,
  queries: readonly Asking<R>[],
  replies: Map<Asking<R>, Reply<R>>,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // As when the namespace object was closed just now: there is nothing more to hear.
    if (stream.closed) return resolve();
    let failure: unknown;
    const end = () => stream.destroy();
    let received = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const size = received.readUInt16BE(0);
        hear(received.subarray(2, 2 + size), queries, replies);
        received = received.subarray(2 + size);
      }
      if (replies.size === queries.length) end();
    });
    stream.on('error', (error) => {
      failure = error;
    });
    stream.on('end', end);
    stream.on('close', () => {
      signal.removeEventListener('abort', end);
      if (failure === undefined && !signal.aborted) resolve();
      else reject(failure ?? signal.reason);
    });
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    else for (const query of queries) stream.write(framed(query.message));
  });
}

function hear<R>(bytes: Uint8Array, queries: readonly Asking<R>[], replies: Map<Asking<R>, Reply<R>>): void {
  for (const query of queries) {
    const response = replies.has(query) ? undefined : query.read(bytes);
    if (response) replies.set(query, { response });
  }
}

/** With its length before it (RFC 1035, section 4.2.2). */
export function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(2 + message.length);
  frame.writeUInt16BE(message.length);
  frame.set(message, 2);
  return frame;
}
