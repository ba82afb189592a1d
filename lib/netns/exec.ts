import { openInternals } from '../namespaces/network.js';
import { isProcess } from '../processes/namespaces.js';
import { isContainerRoot } from '../processes/options.js';
import type { Process } from '../processes/process.js';
import { type RunOptions, type run, runBy } from '../processes/run.js';
import { type spawn, spawnFurnished } from '../processes/spawn.js';
import type { ProcessNamespaces, SpawnOptions } from '../processes/types.js';
import { checkObject, invalidValue } from '../syscalls/validate.js';
import { etcOf, type Names } from './etc.js';
import type { Netns } from './netns.js';

/** spawn() and run() that join a network namespace, and see what `ip netns exec` shows there. */
export function programsIn(
  netns: Netns,
  names: () => Names = () => ({ hosts: netns.hosts, nameservers: netns.nameservers }),
): { spawn: typeof spawn; run: typeof run } {
  const start = (file: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> =>
    spawnIn(netns, names, file, args, options);
  const started = start as typeof spawn;
  return {
    spawn: started,
    run: (file: string, args: readonly string[] = [], options: RunOptions = {}) =>
      runBy(started, file, args, options),
  };
}

async function spawnIn(
  netns: Netns,
  names: () => Names,
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<Process> {
  const inner = openInternals(netns);
  checkObject('options', options);
  const { root } = options;
  const given = namespacesOf(options);
  const ours = given.mnt === undefined || given.mnt === 'new';
  const namespaces: ProcessNamespaces = { ...given, net: netns, ...(ours && { mnt: 'new' }) };
  // What is seen in a root is the root's, and in the mounts of others theirs.
  const furnish = async () => {
    if (!ours || (root !== undefined && !isContainerRoot(root))) return undefined;
    const etc = root === undefined ? await etcOf(netns.path, names()) : { binds: [], files: [] };
    return { sys: root === undefined ? (netns.name ?? 'sysfs') : 'sysfs', ...etc };
  };
  return inner.during(spawnFurnished(file, args, { ...options, namespaces }, furnish));
}

function namespacesOf({ namespaces = {} }: SpawnOptions): ProcessNamespaces {
  if (isProcess(namespaces))
    throw invalidValue('namespaces', 'an object without net: those of a process have one', namespaces);
  checkObject('namespaces', namespaces);
  if (namespaces.net !== undefined)
    throw invalidValue('namespaces.net', 'nothing: it is the one that this is called on', namespaces.net);
  return namespaces;
}
