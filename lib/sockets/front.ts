import { Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { isBun } from '../syscalls/runtime.js';

/**
 * What accepts for a server: itself, but in Bun, whose servers of HTTP ignore the socket that they are to listen on and
 * open another, in the namespace of the process.
 */
export function frontOf(server: Server): Server {
  if (!isBun || !((server as unknown) instanceof HttpServer)) return server;
  const serve = (socket: object) => server.emit('connection', socket);
  const options = optionsOf(server);
  return options?.cert === undefined && options?.pfx === undefined
    ? createServer(serve)
    : createTlsServer(options, serve);
}

/** Where Bun keeps the options of a server. */
function optionsOf(server: object): TlsOptions | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(({ description }) => description === 'options');
  return symbol && (server as Record<symbol, TlsOptions>)[symbol];
}
