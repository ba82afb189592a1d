import { Process } from '../processes/process.js';
import { checkInteger, checkKeys, checkObject, invalidType, invalidValue } from '../syscalls/validate.js';
import type { ConnectToOptions } from './endpoint-options.js';
import { checkNetworkName } from './names.js';
import { Network } from './network.js';
import { checkPlace, type NetworkPlace } from './options.js';

/**
 * How a container is networked, as `docker run --network` says it.
 *
 * - `'none'`: a network namespace of its own with nothing but lo.
 * - `'host'`: the host's network namespace; ports are the host's.
 * - `'container:<pid>'`, or a Process: that of another process. Files, processes and the hostname stay apart.
 * - `'bridge'`: a network namespace of its own on the network 'bridge', which is made if there is none.
 * - the name of a network, or a Network: a network namespace of its own on that one.
 */
export type NetworkMode =
  | 'none'
  | 'host'
  | 'bridge'
  | `container:${number}`
  | (string & Record<never, never>)
  | Network
  | Process;

/** Where the host is, and for modes with a network how it is connected. */
export interface SandboxOptions extends ConnectToOptions, NetworkPlace {}

/** A mode, checked. */
export type CheckedMode =
  | { kind: 'none' | 'host' | 'bridge' }
  | { kind: 'container'; process: Process | number }
  | { kind: 'network'; network: Network | string };

const CONTAINER = 'container:';
/** What is said of an endpoint, which only modes with a network have. */
const OF_ENDPOINTS = ['name', 'aliases', 'address', 'address6', 'mac', 'publish', 'resolver'] as const;

export function checkMode(mode: unknown, options: SandboxOptions): CheckedMode {
  const checked = parseMode(mode);
  checkObject('options', options);
  checkKeys('options', options, [...OF_ENDPOINTS, 'netns', 'signal']);
  const { netns, signal } = options;
  checkPlace({ ...(netns !== undefined && { netns }), signal });
  if (checked.kind === 'network' && checked.network instanceof Network && netns !== undefined)
    throw invalidValue('netns', 'nothing beside a Network, which has one,', netns);
  if (checked.kind !== 'bridge' && checked.kind !== 'network') refuseEndpoint(checked.kind, options);
  return checked;
}

function parseMode(mode: unknown): CheckedMode {
  if (mode instanceof Network) return { kind: 'network', network: mode };
  if (mode instanceof Process) return { kind: 'container', process: mode };
  if (typeof mode !== 'string') throw invalidType('mode', 'a string, a Network or a Process', mode);
  if (mode === 'none' || mode === 'host' || mode === 'bridge') return { kind: mode };
  if (mode.startsWith(CONTAINER)) return { kind: 'container', process: pidOf(mode) };
  checkNetworkName(mode, 'mode');
  return { kind: 'network', network: mode };
}

function pidOf(mode: string): number {
  const text = mode.slice(CONTAINER.length);
  if (!/^[1-9]\d*$/.test(text)) {
    const example =
      "'container:1234' with the pid of a process in it, as inspect --format {{.State.Pid}} tells,";
    throw invalidValue('mode', example, mode);
  }
  const pid = Number(text);
  checkInteger('the pid of mode', pid, 1, 0x7fffffff);
  return pid;
}

const WHY = {
  none: "with mode 'none', which nobody reaches,",
  host: "with mode 'host', in which the ports of a program are the host's own,",
  container: "with mode 'container', in which network and ports are the other container's,",
};

/** What would be of no effect is refused: whoever asked for it would wait for it in vain. */
function refuseEndpoint(kind: keyof typeof WHY, options: SandboxOptions): void {
  for (const key of OF_ENDPOINTS) {
    const value = options[key];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw invalidValue(key, `${key === 'publish' ? 'no ports' : 'nothing'} ${WHY[kind]}`, value);
  }
}
