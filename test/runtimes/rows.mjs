// The rows of the table by area, in its order.
import * as general from './rows/general.mjs';
import * as links from './rows/links.mjs';
import * as mounts from './rows/mounts.mjs';
import * as netns from './rows/netns.mjs';
import * as processes from './rows/processes.mjs';
import * as sockets from './rows/sockets.mjs';

const modules = { general, netns, links, sockets, mounts, processes };

/** Area → row → what is run for it. */
export const areas = Object.fromEntries(Object.entries(modules).map(([name, { rows }]) => [name, rows]));

export const titles = Object.values(areas).flatMap(Object.keys);
