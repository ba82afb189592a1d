// The state of a namespace in the words of `ip`, without what is random: to be compared with another's.
import type { Netns } from 'nsnet';
import { ip } from '../../support/witness.js';

/** What differs between two set-ups by the same commands. */
const RANDOM =
  /^(ifindex|link_index|link_netnsid|link_netns|address|permaddr|broadcast|valid_life_time|preferred_life_time|.*timer|bridge_id|root_id|bridge|designated_.*|id|no|topology_change.*|stable_secret.*|addrgenmode)$/;

/** Without what is random: MACs, and what follows from them; indexes; ages. */
function fixed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fixed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>);
  const isLinkLocal = (value as { scope?: string }).scope === 'link';
  return Object.fromEntries(
    entries
      .filter(([key]) => !RANDOM.test(key) && !(isLinkLocal && key === 'local'))
      .map(([key, each]) => [key, fixed(each)]),
  );
}

/** All that `ip` tells of a namespace. */
export async function told(netns: Netns) {
  const ask = (...args: string[]) => ip({ netnsFd: netns.fd }, ...args);
  const answers = {
    links: await ask('link'),
    addresses: await ask('address'),
    routes: await ask('-4', 'route', 'show', 'table', 'all'),
    routes6: await ask('-6', 'route', 'show', 'table', 'all'),
    rules: await ask('rule'),
  };
  // The routes of IPv6 are listed by the hash of their addresses, which come from the MACs.
  const routes6 = answers.routes6.map((each) => withoutLinkLocal(JSON.stringify(fixed(each)))).sort();
  return { ...(fixed(answers) as typeof answers), routes6 };
}

const withoutLinkLocal = (text: string) => text.replace(/fe80::[0-9a-f:]{4,}/g, 'fe80::…');
