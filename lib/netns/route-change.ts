import { checkLinkRef, Devices } from '../links/devices.js';
import { NEEDS_NET_ADMIN } from '../links/requests.js';
import type { Internals } from '../namespaces/network.js';
import { NLM_F } from '../netlink/constants.js';
import type { Answer, Request } from '../netlink/request.js';
import { messageName, RTM } from '../rtnetlink/constants.js';
import { route as codec, type RouteRequest } from '../rtnetlink/route.js';
import { type NsnetError, withDetails } from '../syscalls/errors.js';
import { type CheckedRoute, checkRoute, type RouteSpec, routeMessage } from './route.js';

const MODES = { add: NLM_F.CREATE | NLM_F.EXCL, replace: NLM_F.CREATE | NLM_F.REPLACE, delete: 0 } as const;

export type Mode = keyof typeof MODES;

/** A change of one route. A class and not an object of functions: hundreds of thousands may wait at a time. */
export class RouteChange implements Request<RouteRequest> {
  readonly #inner: Internals;
  readonly #mode: Mode;
  readonly #checked: CheckedRoute;
  /** As it was checked: the caller's object may change before it is sent. */
  readonly #destination: string;
  readonly #item: RouteSpec;
  readonly signal: AbortSignal | undefined;

  constructor(inner: Internals, mode: Mode, item: RouteSpec, signal: AbortSignal | undefined) {
    this.#inner = inner;
    this.#mode = mode;
    this.#checked = checkRoute(item);
    this.#destination = item.destination;
    this.#item = item;
    this.signal = signal;
    if (item.device !== undefined) checkLinkRef(item.device, inner, 'device');
    if (item.nextHops === undefined) return;
    for (const { device } of item.nextHops)
      if (device !== undefined) checkLinkRef(device, inner, 'nextHops.device');
  }

  get codec() {
    return codec;
  }

  get type(): number {
    return this.#mode === 'delete' ? RTM.DELROUTE : RTM.NEWROUTE;
  }

  get name(): string {
    return messageName(this.type);
  }

  get flags(): number {
    return MODES[this.#mode];
  }

  subject(): string {
    return `route to ${this.#destination} in ${this.#inner.subject}`;
  }

  prepare(ask: (request: Request) => Promise<Answer[]>): Promise<void> | undefined {
    const { device, nextHops } = this.#item;
    const devices = Devices.of(this.#inner);
    if (nextHops === undefined) return devices.prepare(device, ask);
    const refs = nextHops.map((hop) => hop.device);
    return devices.prepareAll(refs, ask);
  }

  body(): RouteRequest {
    return routeMessage(this.#mode, this.#checked, this.#destination, this.#item, Devices.of(this.#inner));
  }

  explain(error: NsnetError): NsnetError {
    return explain(error);
  }
}

const HINTS: Record<string, string> = {
  EEXIST: 'There is such a route; replace() takes its place',
  ESRCH: 'There is no such route',
  ENODEV: 'A route needs a device or a gateway, unless its type is one without (blackhole…)',
};

function explain(error: NsnetError): NsnetError {
  const hint = HINTS[error.code];
  if (hint && error.syscall !== 'RTM_GETLINK') return withDetails(error, { hint });
  if (error.code === 'ENETUNREACH') {
    return withDetails(error, { hint: 'The gateway is on no network of a link that is up' });
  }
  if (error.code === 'EPERM') return withDetails(error, NEEDS_NET_ADMIN);
  if (error.code === 'ENETDOWN') return withDetails(error, { hint: 'The device is down' });
  return error;
}
