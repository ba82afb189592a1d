import type { Socket } from 'node:net';
import { framed } from './tcp.js';

/** Milliseconds that a client may take for its next query, or to read an answer. */
const PATIENCE = 10_000;

/** Queries of one connection that are answered at once; then nothing more is read. */
const PENDING = 16;

/** Bytes of a query. Those that hosts send have some hundred at most. */
const QUERY_MAX = 4096;

/** Answers the queries of a client by TCP, as they are answered and not in their order (RFC 7766, section 6.2.1.1). */
export function serveConnection(
  socket: Socket,
  respond: (query: Uint8Array) => Promise<Uint8Array | undefined>,
): void {
  let received: Buffer = Buffer.alloc(0);
  let pending = 0;
  let ended = false;
  const timer = setTimeout(() => socket.destroy(), PATIENCE);
  timer.unref();
  socket.unref();
  const progress = () => {
    if (!socket.destroyed) timer.refresh();
  };
  const finish = () => {
    if (ended && pending === 0) socket.end();
  };
  const answer = async (query: Uint8Array) => {
    pending++;
    progress();
    const reply = await respond(query);
    if (socket.destroyed) return;
    if (reply) await new Promise<void>((resolve) => socket.write(framed(reply), () => resolve()));
    pending--;
    progress();
    take();
    finish();
  };
  /** Takes the queries that are there, as many as may be under way. */
  const take = () => {
    while (pending < PENDING && received.length >= 2) {
      const size = received.readUInt16BE(0);
      if (size > QUERY_MAX) {
        socket.destroy();
        return;
      }
      if (received.length < 2 + size) break;
      const query = received.subarray(2, 2 + size);
      received = received.subarray(2 + size);
      void answer(query);
    }
    if (pending < PENDING) socket.resume();
    else socket.pause();
  };
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    take();
  });
  socket.on('end', () => {
    ended = true;
    finish();
  });
  socket.on('error', () => {});
  socket.on('close', () => clearTimeout(timer));
}
