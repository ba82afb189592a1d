// Bun has a module of its own under the plain name, which ignores what is given here.
import { Agent, buildConnector, FormData, fetch } from 'undici/index.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { checkObject, invalidType, invalidValue } from '../syscalls/validate.js';
import { connect } from './connect.js';
import type { NetnsFetch } from './fetch.js';

/** Options of undici's Agent; `connect` may hold those of TLS, and `timeout` in milliseconds. */
export type AgentOptions = Omit<Agent.Options, 'connect' | 'factory'> & {
  connect?: buildConnector.BuildOptions;
};

/** In which namespace an agent's connections begin. */
const homes = new WeakMap<object, Internals>();

/** Milliseconds that a connection may take, as undici has it. */
const TIMEOUT = 10_000;

/**
 * An undici Agent (undici 7) whose connections begin in a namespace: for `fetch(url, { dispatcher })` of undici, and its
 * request(), stream() and WebSocket. Names are resolved inside. Destroyed with the Netns.
 *
 * For undici's own fetch, or `netns.fetch`: the global fetch of Bun and Deno ignores dispatchers.
 */
export function agent(netns: AnyNetns, options: AgentOptions = {}): Agent {
  return agentOf(openInternals(netns), options);
}

/** @internal */
export function agentOf(inner: Internals, options: AgentOptions = {}): Agent {
  checkObject('options', options);
  const { connect: how = {}, ...rest } = options;
  if (typeof how !== 'object' || how === null) throw invalidType('connect', 'an object', how);
  if ('factory' in rest) throw invalidValue('factory', 'none: it could leave the namespace', rest.factory);
  // As undici itself merges them for a connector of its own.
  const { allowH2, maxCachedSessions, connectTimeout: timeout, socketPath } = rest as Agent.Options;
  const merged = { allowH2, maxCachedSessions, timeout, socketPath, ...how };
  const made = new Agent({ ...rest, connect: connectorOf(inner, merged) });
  homes.set(made, inner);
  const forget = inner.keep(() =>
    made.destroy().then(
      () => {},
      () => {},
    ),
  );
  // close() ends with it, too.
  const { destroy } = made;
  made.destroy = ((...given: []) => {
    forget();
    return destroy.apply(made, given);
  }) as Agent['destroy'];
  return made;
}

function connectorOf(inner: Internals, options: buildConnector.BuildOptions): buildConnector.connector {
  const { timeout = TIMEOUT, socketPath: path } = options;
  const secure = buildConnector(options);
  return (target, callback) => {
    const { hostname, port, protocol, localAddress } = target;
    const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    const number = Number(port || (protocol === 'https:' ? 443 : 80));
    const where = path ? { path } : { host, port: number, ...(localAddress && { localAddress }) };
    const open = async () => {
      const socket = await connect(inner, { ...where, noDelay: true, ...(timeout && { timeout }) });
      if (protocol !== 'https:') return callback(null, socket);
      try {
        secure({ ...target, httpSocket: socket }, callback);
      } catch (error) {
        socket.destroy();
        throw error;
      }
    };
    open().catch((error: Error) => callback(error, null));
  };
}

/**
 * fetch() through a namespace. The global fetch is not used: whatever has taken its place would go its own way.
 *
 * @internal
 */
export function fetchOf(inner: Internals): NetnsFetch {
  let agent: Agent | undefined;
  const through = async (input: unknown, given?: Record<string, unknown> | null) => {
    const init = given ?? {};
    const { dispatcher } = init;
    if (dispatcher !== undefined && homes.get(dispatcher as object) !== inner)
      throw invalidValue('dispatcher', `an agent() of ${inner.subject}`, dispatcher);
    agent ??= agentOf(inner);
    const [what, how] = translated(input, init);
    return fetch(what as string, { ...how, dispatcher: dispatcher ?? agent } as object);
  };
  return through as unknown as NetnsFetch;
}

/** undici knows its own classes alone; Request and FormData of the runtime are others. */
function translated(given: unknown, init: Record<string, unknown>): [unknown, Record<string, unknown>] {
  const how = { ...init };
  if (how.body instanceof globalThis.FormData) how.body = formOf(how.body);
  if (!(given instanceof globalThis.Request)) return [given, how];
  const { url, method, headers, body, redirect, signal, cache, credentials, referrer, integrity, keepalive } =
    given;
  const own = {
    method,
    headers: [...headers],
    redirect,
    signal,
    cache,
    credentials,
    referrer,
    integrity,
    keepalive,
  };
  return [url, { ...own, ...(body && { body, duplex: 'half' }), ...how }];
}

function formOf(form: globalThis.FormData): FormData {
  const own = new FormData();
  for (const [name, value] of form) {
    if (typeof value === 'string') own.append(name, value);
    else own.append(name, value, value.name);
  }
  return own;
}
