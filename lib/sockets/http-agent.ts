import { type AgentOptions, type ClientRequest, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Internals } from '../namespaces/network.js';
import { invalidType, needs } from '../syscalls/validate.js';
import { type ConnectOptions, connect } from './connect.js';
import { connectedOnce } from './once.js';

export type { AgentOptions as HttpAgentOptions } from 'node:http';
export type { AgentOptions as HttpsAgentOptions } from 'node:https';

type Callback = (error: Error | null, stream?: Duplex) => void;
type Wanted = ClientRequestArgs & { noDelay?: boolean; localPort?: number; [REQUEST]?: ClientRequest };

/** For whom a connection is opened. */
const REQUEST = Symbol('request');

/** What node:http asks its agent for, as connect() takes it. A `lookup` of its own would leave the namespace. */
function wanted(options: Wanted): ConnectOptions {
  const { host, port, defaultPort, localAddress, localPort, family, path, noDelay = true } = options;
  const socketPath = (options as { socketPath?: string }).socketPath;
  if (socketPath) return { path: path ?? socketPath };
  return {
    host: host ?? 'localhost',
    port: Number(port ?? defaultPort ?? 80),
    ...(localAddress !== undefined && { localAddress }),
    ...(localPort !== undefined && { localPort }),
    ...((family === 4 || family === 6) && { family }),
    noDelay,
  };
}

/** Connections of an agent that are not there yet. */
class Pending {
  readonly #inner: Internals;
  readonly #stops = new Set<AbortController>();

  constructor(inner: Internals, options: object = {}) {
    this.#inner = inner;
    if ((options as { proxyEnv?: unknown }).proxyEnv !== undefined)
      throw needs('proxyEnv', 'an agent of node:http: it would go to the proxy from outside the namespace');
  }

  /**
   * Node asks for a connection at once, and has its requests wait for one that comes later, even those that are
   * destroyed meanwhile.
   */
  async open(options: Wanted): Promise<Socket> {
    const { [REQUEST]: request, timeout } = options;
    const stop = new AbortController();
    const own = request && Object.getOwnPropertyDescriptor(request, 'destroy');
    this.#stops.add(stop);
    if (request) {
      const { destroy } = request;
      request.destroy = (error) => {
        stop.abort(error ?? hangUp());
        return destroy.call(request, error);
      };
    }
    const timer = timeout ? setTimeout(() => request?.emit('timeout'), timeout) : undefined;
    try {
      const socket = await connect(this.#inner, { ...wanted(options), signal: stop.signal });
      if (timeout) socket.setTimeout(timeout);
      return socket;
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      clearTimeout(timer);
      this.#stops.delete(stop);
      if (request && own) Object.defineProperty(request, 'destroy', own);
      else if (request) delete (request as Partial<ClientRequest>).destroy;
      // The connection may serve many more.
      delete options[REQUEST];
    }
  }

  giveUp(): void {
    for (const stop of this.#stops) stop.abort(hangUp());
  }
}

/** What Node has a request fail with that is destroyed before it is answered. */
const hangUp = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

function checkCallback(callback: unknown): asserts callback is Callback {
  if (typeof callback !== 'function') throw invalidType('callback', 'a function', callback);
}

/** Agent of node:http whose connections begin in a namespace, and end with the Netns. */
export class NetnsHttpAgent extends HttpAgent {
  readonly #pending: Pending;

  constructor(inner: Internals, options?: AgentOptions) {
    super(options);
    this.#pending = new Pending(inner, options);
  }

  /** @internal Called by node:http. */
  addRequest(request: ClientRequest, options: object, ...rest: unknown[]): void {
    // biome-ignore lint/suspicious/noExplicitAny: not in the types
    (HttpAgent.prototype as any).addRequest.call(this, request, { ...options, [REQUEST]: request }, ...rest);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the types of Node's versions differ
  override createConnection(options: any, callback?: any): any {
    checkCallback(callback);
    this.#pending.open(options).then((socket) => callback(null, socket), callback);
  }

  override destroy(): void {
    this.#pending.giveUp();
    super.destroy();
  }
}

/** The same of node:https. The name that a certificate is checked for is the host's that was asked for. */
export class NetnsHttpsAgent extends HttpsAgent {
  readonly #pending: Pending;

  constructor(inner: Internals, options?: HttpsAgentOptions) {
    super(options);
    this.#pending = new Pending(inner, options);
  }

  /** @internal Called by node:http. */
  addRequest(request: ClientRequest, options: object, ...rest: unknown[]): void {
    // biome-ignore lint/suspicious/noExplicitAny: not in the types
    (HttpsAgent.prototype as any).addRequest.call(this, request, { ...options, [REQUEST]: request }, ...rest);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the types of Node's versions differ
  override createConnection(options: any, callback?: any): any {
    checkCallback(callback);
    const secure = (socket: Socket) => {
      try {
        // Over a socket that is given: no address of the options is used any more.
        // biome-ignore lint/suspicious/noExplicitAny: not in the types
        const { createConnection } = HttpsAgent.prototype as any;
        return connectedOnce(createConnection.call(this, { ...options, socket }));
      } catch (error) {
        socket.destroy();
        throw error;
      }
    };
    this.#pending
      .open(options)
      .then(secure)
      .then((socket: Duplex) => callback(null, socket), callback);
  }

  override destroy(): void {
    this.#pending.giveUp();
    super.destroy();
  }
}
