import { type Call, Listing } from '../handles/listing.js';
import type { Change, WatchOptions } from '../handles/view.js';
import { checkLinkRef } from '../links/devices.js';
import { readNames } from '../links/read.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { readAnswer } from '../netlink/answer.js';
import { RTM } from '../rtnetlink/constants.js';
import { route as codec, type RouteMessage } from '../rtnetlink/route.js';
import type { NsnetError } from '../syscalls/errors.js';
import { checkKeys, checkObject, checkSignal } from '../syscalls/validate.js';
import type { Collection } from './collection.js';
import { describeRoute } from './describe-route.js';
import { type AltNames, checkFamily, matches } from './filter.js';
import { type Route, type RouteSpec, routeOf, tableNumber } from './route.js';
import { type Mode, RouteChange } from './route-change.js';
import { watchTable } from './watch.js';
import { watchedRoutes } from './watched.js';

/** Default table: main, as `ip route`; 'all' for every table. */
export type RouteFilter = Partial<RouteSpec> & { family?: Family } & Call;

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

  list(filter: RouteFilter = {}): Listing<Route> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    return new Listing(() => readRoutes(inner, filter), inner.during, filter.signal);
  }

  watch({ snapshot, ...filter }: RouteFilter & WatchOptions = {}): AsyncIterableIterator<Change<Route>> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    const { signal } = filter;
    const what = watchedRoutes(
      inner,
      (decode, read) => dumpRoutes(inner, { ...filter, signal: read }, decode),
      isWanted(filter),
    );
    return watchTable(inner, what, { snapshot, signal }, (route) => route);
  }

  /** As `ip route` prints them, a line each. */
  async describe(filter: RouteFilter = {}): Promise<string> {
    let text = '';
    for await (const route of this.list(filter)) text += `${describeRoute(route, filter.table === 'all')}\n`;
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

function checkFilter(filter: RouteFilter, inner: Internals): void {
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
    'preference',
    'onlink',
    'signal',
  ]);
  checkSignal(filter.signal);
  if (filter.family !== undefined) checkFamily(filter.family);
  if (filter.device !== undefined) checkLinkRef(filter.device, inner, 'device');
  if (filter.table !== undefined && filter.table !== 'all') tableNumber(filter.table);
}

/** Whether a route is one of those that are meant. */
function isWanted(filter: RouteFilter) {
  const { signal: _signal, family, table = 'main', ...wanted } = filter;
  const number = table === 'all' ? 0 : tableNumber(table);
  const filtered = Object.values(wanted).some((value) => value !== undefined);
  return (route: Route, message: RouteMessage, altNames?: AltNames) =>
    // Kernels before 4.20 ignore the filter of a dump.
    (number === 0 || (message.attributes.table ?? message.table) === number) &&
    (family === undefined || route.family === family) &&
    (!filtered || matches(route, wanted, message.attributes.oif, altNames));
}

async function readRoutes(inner: Internals, filter: RouteFilter): Promise<Route[]> {
  const names = readNames(inner, filter.signal);
  const wanted = isWanted(filter);
  const decode = (message: RouteMessage) => {
    const route = routeOf(message, names.nameOf);
    return route && wanted(route, message, names.altNamesOf) ? route : undefined;
  };
  const [routes] = await Promise.all([dumpRoutes(inner, filter, decode, names.ready), names.ready]);
  return routes;
}

async function dumpRoutes<T>(
  inner: Internals,
  { family, table = 'main', signal }: RouteFilter,
  decode: (message: RouteMessage) => T | undefined,
  ready?: Promise<unknown>,
): Promise<T[]> {
  const attributes = table === 'all' ? {} : { table: tableNumber(table) };
  const dump = (number: number) => {
    const request = {
      name: 'RTM_GETROUTE',
      type: RTM.GETROUTE,
      flags: 0,
      codec,
      body: { family: number, attributes },
      subject: inner.subject,
      signal,
    };
    return inner.route.dump(request, (answer) => decode(readAnswer(codec, answer)), ready).catch(missing);
  };
  const families: Family[] = family ? [family] : ['inet', 'inet6'];
  const dumps = await Promise.all(families.map((each) => dump(familyNumber(each))));
  return dumps.length === 1 ? (dumps[0] as T[]) : dumps.flat();
}

/** A table that nobody has put a route in does not exist. */
function missing(error: NsnetError): never[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
