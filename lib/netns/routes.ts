import { type Call, Listing, slices } from '../handles/listing.js';
import { checkLinkRef, Devices } from '../links/devices.js';
import { dumpLinks, namesByIndex } from '../links/read.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { readAnswer } from '../netlink/answer.js';
import { NLM_F } from '../netlink/constants.js';
import type { Answer, Request } from '../netlink/request.js';
import { messageName, RTM } from '../rtnetlink/constants.js';
import { route as codec, type RouteRequest } from '../rtnetlink/route.js';
import { type NsnetError, withDetails } from '../syscalls/errors.js';
import { checkKeys, checkObject, checkSignal } from '../syscalls/validate.js';
import type { Collection } from './collection.js';
import { checkFamily } from './describe.js';
import { describeRoute } from './describe-route.js';
import { matches } from './filter.js';
import {
  type CheckedRoute,
  checkRoute,
  type Route,
  type RouteSpec,
  routeMessage,
  routeOf,
  tableNumber,
} from './route.js';

/** Default table: main, as `ip route`; 'all' for every table. */
type Filter = Partial<RouteSpec> & { family?: Family } & Call;

type Mode = keyof typeof MODES;

const MODES = { add: NLM_F.CREATE | NLM_F.EXCL, replace: NLM_F.CREATE | NLM_F.REPLACE, delete: 0 } as const;

/** The routes of a namespace. */
export class Routes implements Collection<RouteSpec, Route> {
  readonly #netns: AnyNetns;

  constructor(netns: AnyNetns) {
    this.#netns = netns;
  }

  /** EEXIST if there is one to the same destination with the same metric and table. */
  add(item: RouteSpec, o: Call = {}): Promise<void> {
    return this.#change('add', item, o);
  }

  /** Adds it, or takes the place of one to the same destination with the same metric and table. */
  replace(item: RouteSpec, o: Call = {}): Promise<void> {
    return this.#change('replace', item, o);
  }

  /** The first that has all that is given; ESRCH if there is none. */
  delete(item: RouteSpec, o: Call = {}): Promise<void> {
    return this.#change('delete', item, o);
  }

  list(filter: Filter = {}): Listing<Route> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    return new Listing(() => readRoutes(inner, filter));
  }

  /** As `ip route` prints them, a line each. */
  async describe(filter: Filter = {}): Promise<string> {
    let text = '';
    for await (const route of this.list(filter)) text += `${describeRoute(route)}\n`;
    return text;
  }

  #change(mode: Mode, item: RouteSpec, { signal }: Call): Promise<void> {
    try {
      const inner = openInternals(this.#netns);
      if (signal !== undefined) checkSignal(signal);
      return inner.route.run(new RouteChange(inner, mode, item, signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** A change of one route. A class and not an object of functions: hundreds of thousands may wait at a time. */
class RouteChange implements Request<RouteRequest> {
  readonly #inner: Internals;
  readonly #mode: Mode;
  readonly #checked: CheckedRoute;
  readonly #item: RouteSpec;
  readonly signal: AbortSignal | undefined;

  constructor(inner: Internals, mode: Mode, item: RouteSpec, signal: AbortSignal | undefined) {
    this.#inner = inner;
    this.#mode = mode;
    this.#checked = checkRoute(item);
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
    return `route to ${this.#item.destination} in ${this.#inner.subject}`;
  }

  prepare(ask: (request: Request) => Promise<Answer[]>): Promise<void> | undefined {
    const { device, nextHops } = this.#item;
    const devices = Devices.of(this.#inner);
    if (nextHops === undefined) return devices.prepare(device, ask);
    const refs = nextHops.map((hop) => hop.device);
    return devices.prepareAll(refs, ask);
  }

  body(): RouteRequest {
    return routeMessage(this.#mode, this.#checked, this.#item, Devices.of(this.#inner));
  }

  explain(error: NsnetError): NsnetError {
    return explain(error);
  }
}

function explain(error: NsnetError): NsnetError {
  if (error.code === 'ENETUNREACH') {
    return withDetails(error, { hint: 'The gateway is on no network of a link that is up' });
  }
  if (error.code === 'ENETDOWN') return withDetails(error, { hint: 'The device is down' });
  return error;
}

function checkFilter(filter: Filter, inner: Internals): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, [
    'destination',
    'family',
    'gateway',
    'device',
    'source',
    'metric',
    'table',
    'scope',
    'protocol',
    'type',
    'signal',
  ]);
  checkSignal(filter.signal);
  if (filter.family !== undefined) checkFamily(filter.family);
  if (filter.device !== undefined) checkLinkRef(filter.device, inner, 'device');
  if (filter.table !== undefined && filter.table !== 'all') tableNumber(filter.table);
}

async function* readRoutes(inner: Internals, filter: Filter): AsyncGenerator<Route[]> {
  const { signal, family, table = 'main', ...wanted } = filter;
  const number = table === 'all' ? 0 : tableNumber(table);
  const [links, dump] = await Promise.all([
    dumpLinks(inner, signal),
    dumpRoutes(inner, family, number, signal),
  ]);
  const nameOf = namesByIndex(links);
  const filtered = Object.values(wanted).some((value) => value !== undefined);
  function* routes(): Generator<Route> {
    for (const answer of dump.messages()) {
      const message = readAnswer(codec, answer);
      // Kernels before 4.20 ignore the filter; and the families of multicast routing and MPLS are not ours.
      if (number !== 0 && (message.attributes.table ?? message.table) !== number) continue;
      const route = routeOf(message, nameOf);
      if (route && (!filtered || matches(route, wanted, message.attributes.oif))) yield route;
    }
  }
  yield* slices(routes());
}

async function dumpRoutes(inner: Internals, family: Family | undefined, table: number, signal?: AbortSignal) {
  const dump = (number: number) =>
    inner.route.dump({
      name: 'RTM_GETROUTE',
      type: RTM.GETROUTE,
      flags: 0,
      codec,
      body: {
        family: number,
        dstLen: 0,
        srcLen: 0,
        tos: 0,
        table: 0,
        protocol: 0,
        scope: 0,
        type: 0,
        flags: 0,
        attributes: table === 0 ? {} : { table },
      },
      subject: inner.subject,
      signal,
    });
  const families: Family[] = family ? [family] : ['inet', 'inet6'];
  const dumps = await Promise.all(families.map((each) => dump(familyNumber(each)).catch(emptyIfNoTable)));
  return {
    *messages() {
      for (const each of dumps) if (each) yield* each.messages();
    },
  };
}

/** A table that nobody has put a route in does not exist. */
function emptyIfNoTable(error: NsnetError): undefined {
  if (error.code !== 'ENOENT') throw error;
}
