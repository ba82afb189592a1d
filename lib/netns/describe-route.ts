import type { Route } from './route.js';

/** As `ip route` prints it. */
export function describeRoute(route: Route, allTables = false): string {
  const {
    destination,
    gateway,
    device,
    source,
    metric,
    table,
    scope,
    protocol,
    type,
    nextHops,
    family,
    preference,
  } = route;
  const host = family === 'inet' ? '/32' : '/128';
  const words = [destination.endsWith(host) ? destination.slice(0, -host.length) : destination];
  if (type !== undefined) words.unshift(type);
  if (gateway !== undefined) words.push('via', gateway);
  if (device !== undefined) words.push('dev', device);
  if (allTables && table !== 'main') words.push('table', String(table));
  if (protocol !== 'boot') words.push('proto', String(protocol));
  if (scope !== 'global') words.push('scope', String(scope));
  if (source !== undefined) words.push('src', source);
  if (metric !== undefined) words.push('metric', String(metric));
  if (preference !== undefined) words.push('pref', preference);
  if (route.onlink) words.push('onlink');
  if (route.flags !== undefined) words.push(...route.flags);
  for (const hop of nextHops ?? []) {
    const via = hop.gateway === undefined ? '' : ` via ${hop.gateway}`;
    words.push(
      `\n\tnexthop${via} dev ${hop.device} weight ${hop.weight}${hop.flags ? ` ${hop.flags.join(' ')}` : ''}`,
    );
  }
  return words.join(' ').replaceAll(' \n', '\n');
}
