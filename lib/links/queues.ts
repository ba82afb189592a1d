import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { atLeast } from '../syscalls/release.js';

/** With more CPUs the kernel has its own way. */
const MOST = 32;

function count(): number | undefined {
  try {
    const list = readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim();
    let cpus = 0;
    for (const range of list.split(',')) {
      const [first, last = first] = range.split('-').map(Number) as [number, number?];
      cpus += last - first + 1;
    }
    return cpus >= 1 && cpus <= MOST ? cpus : undefined;
  } catch {
    return undefined;
  }
}

let cpus: number | undefined | 'unknown' = 'unknown';

/**
 * How many queues the kernel gives a new veth: one for each CPU that there may be (5.15; one before). Unless it was
 * asked for them it then takes all but one out of use, and each end's costs a grace period of RCU under its lock
 * (veth_init_queues(), netif_set_real_num_tx_queues()), which wakes every CPU. So all stay in use, with two entries
 * each under /sys; of many CPUs that would be too much. Nothing where it cannot be told.
 */
export function vethQueues(): { numTxQueues?: number; numRxQueues?: number } {
  if (cpus === 'unknown') cpus = atLeast(release(), '5.15') ? count() : undefined;
  return cpus === undefined ? {} : { numTxQueues: cpus, numRxQueues: cpus };
}
