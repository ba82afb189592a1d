import type { Link } from '../links/link.js';
import { openInternals } from '../namespaces/network.js';
import { makeNetwork, mtuOf, type Site } from './make.js';
import type { NetworkOptions, Settings } from './options.js';
import { Router } from './router.js';

/** A network as it was made. */
export interface MadeNetwork {
  settings: Settings;
  bridge: Link;
  router?: Router;
}

/** Makes a network whose bridge is in a namespace of its own. */
export async function makeRouted(
  site: Site,
  options: NetworkOptions,
  settings: Settings,
): Promise<MadeNetwork> {
  const router = await Router.create(site, settings, mtuOf(options));
  try {
    const { netns } = router;
    const inside = { netns, inner: openInternals(netns), owner: site.owner, router: true };
    return { settings, router, bridge: await makeNetwork(inside, options, settings) };
  } catch (error) {
    await router.close();
    throw error;
  }
}
