import { type AnyNetns, openInternals } from '../namespaces/network.js';
import { Netns } from '../netns/netns.js';
import type { NsnetError } from '../syscalls/errors.js';
import { collectNetwork } from './gc.js';
import type { Host } from './host.js';
import { noPower, subjectOf } from './make.js';
import { Network } from './network.js';

/** The network of those that ask for none, by Docker's name. */
const NAME = 'bridge';
/** How often it may be removed by others between finding and using it. */
const TRIES = 8;

/** What all who use it in one namespace have in common. */
interface Uses {
  count: number;
  /** That namespace, with an owner of its own, who is alive as long as this is open. */
  netns: Promise<Netns>;
  made?: Network;
}

/** By namespace; and what goes with the last one. */
const used = new Map<number, Uses>();
const endings = new Map<number, Promise<void>>();

/**
 * Has somebody use the network 'bridge', which is made if there is none. Made like this it belongs to all who use it, also
 * in other processes: the last one removes it. One that was made by Network.create() stays.
 */
export async function useDefault<T>(
  { netns }: Host,
  signal: AbortSignal | undefined,
  use: (network: Network) => Promise<T>,
): Promise<{ used: T; end(): Promise<void> }> {
  const { id, fd } = openInternals(netns);
  while (endings.has(id)) await endings.get(id)?.catch(() => {});
  const uses = used.get(id) ?? { count: 0, netns: Netns.open({ fd: fd.number }) };
  used.set(id, uses);
  uses.count++;
  const leave = async () => {
    if (--uses.count > 0) return;
    used.delete(id);
    const ending = end(uses).finally(() => endings.delete(id));
    endings.set(id, ending);
    await ending;
  };
  try {
    for (let tries = 1; ; tries++) {
      const network = await openOrMake(netns, uses, signal);
      try {
        const end = async () => {
          await network.close();
          await leave();
        };
        return { used: await use(network), end };
      } catch (error) {
        const gone = await isGone(network);
        await network.close();
        if (!gone || tries === TRIES) throw error;
      }
    }
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Who made it is gone then. */
async function end({ netns, made }: Uses): Promise<void> {
  const own = await netns;
  try {
    await made?.leave().close();
    await collectNetwork(own, NAME);
  } finally {
    await own.close();
  }
}

async function openOrMake(netns: AnyNetns, uses: Uses, signal: AbortSignal | undefined): Promise<Network> {
  for (let tries = 1; ; tries++) {
    try {
      return await Network.open(NAME, { netns, signal });
    } catch (error) {
      if ((error as NsnetError).code !== 'ENOENT' || tries === TRIES) throw error;
    }
    try {
      const made = await Network.create({ name: NAME, netns: (await uses.netns) as AnyNetns, signal });
      // Of one that somebody has removed.
      await uses.made?.leave().close();
      uses.made = made;
    } catch (error) {
      const { code, cause } = error as NsnetError;
      // The object that it was tried with has no name of its own.
      if (code === 'EPERM' && cause) throw noPower(subjectOf(NAME, openInternals(netns)), cause);
      if (code !== 'EEXIST') throw error;
    }
  }
}

const isGone = (network: Network) =>
  network.inspect().then(
    () => false,
    ({ code }: NsnetError) => code === 'ENOENT',
  );
