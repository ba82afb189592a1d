// A network namespace, and what is put into it.
import { whyNoUsers, whyRefused } from '../causes/index.js';
import { type Check, direct, type Examine, refusal, setSysctl, told } from '../check.js';
import { engineCure } from '../engine.js';
import type { NetworkTrial, Probes, Refusal } from '../probes.js';

const LIMIT = 'user.max_net_namespaces';

type Inside = NonNullable<NetworkTrial['inside']>;

export const namespaces: Examine = async (probe): Promise<Check> => {
  const check = { name: 'network namespaces', required: true };
  const trial = await probe.network();
  const refused = refusal(trial.made) ?? refusal(trial.inside?.netlink) ?? notEntered(probe, trial.inside);
  if (!refused)
    return { ...check, ok: true, found: `made one${direct(probe) ? '' : ', rootless'}, and set lo up in it` };
  if (!direct(probe) && !(await probe.userNamespace()).ok) {
    return { ...check, ok: false, found: `${told(refused)}; without privileges it takes a user namespace` };
  }
  const found = trial.made.ok ? `made one, but it is of no use: ${told(refused)}` : told(refused);
  const { why, cure } = await whyNone(probe, refused);
  return { ...check, ok: false, found: `${found}; ${why}`, cure };
};

/** Without privileges the trial is entered by the stub; that this does not run is said elsewhere. */
function notEntered(probe: Probes, trial: Inside | undefined): Refusal | undefined {
  const refused = refusal(trial?.entered);
  return refused?.call === 'clone' && !direct(probe) ? undefined : refused;
}

async function whyNone(probe: Probes, refused: Refusal) {
  if (refused.code === 'ENOSPC') {
    const most = await probe.text(`/proc/sys/${LIMIT.replaceAll('.', '/')}`);
    return {
      why:
        most === '0'
          ? `${LIMIT} is 0`
          : `those that ${LIMIT} allows (${most ?? 'unknown'}) are used up, here or in a user namespace around this one`,
      cure: setSysctl(LIMIT, most === '0' ? 15000 : 2 * (Number(most) || 15000)),
    };
  }
  if (refused.code === 'EINVAL' && refused.call === 'unshare')
    return { why: 'this kernel was built without them', cure: 'Boot a kernel with CONFIG_NET_NS=y' };
  return (direct(probe) ? whyRefused : whyNoUsers)(probe, refused);
}

/** A check of something that is tried inside. It has no cure of its own where there was nothing to try it in. */
function inside(
  name: string,
  required: boolean,
  what: keyof Inside,
  works: string,
  explain: (probe: Probes, refused: Refusal) => Promise<{ why: string; cure: string }>,
): Examine {
  return async (probe): Promise<Check> => {
    const trial = (await probe.network()).inside;
    if (!trial)
      return {
        name,
        ok: false,
        found: 'not tried: there is no network namespace',
        required,
      };
    const refused = refusal(trial[what]);
    if (!refused) return { name, ok: true, found: works, required };
    const { why, cure } = await explain(probe, refused);
    return { name, ok: false, found: `${told(refused)}; ${why}`, cure, required };
  };
}

function kind(name: 'veth' | 'bridge', required: boolean, works: string): Examine {
  return inside(name, required, name, works, async (probe, refused) => {
    if (refused.code !== 'EOPNOTSUPP') return whyRefused(probe, refused);
    return {
      why: `this kernel has no links of the kind ${name}`,
      cure: `sudo modprobe ${name}; to keep it: echo ${name} | sudo tee /etc/modules-load.d/nsnet.conf. If there is no such module, reboot into the kernel that is installed (an upgrade removes the modules of the one that runs), or install its modules (linux-modules-extra-$(uname -r))`,
    };
  });
}

export const veth = kind('veth', true, 'made a pair');
export const bridge = kind('bridge', true, 'made one');

/** Ping falls back to ping sockets, which a new namespace allows to no group until it is told to. */
async function withoutRaw(probe: Probes, refused: Refusal) {
  if (refused.code !== 'EPERM' || !direct(probe) || probe.capable('NET_RAW'))
    return whyRefused(probe, refused);
  const cure = await engineCure(probe, 'capabilities');
  const sysctls = (await probe.network()).inside?.sysctl.ok;
  const instead = "; or, in each namespace, netns.sysctl('net.ipv4.ping_group_range', '0 2147483647')";
  return { why: 'CAP_NET_RAW is missing', cure: sysctls ? cure + instead : cure };
}

export const ping = inside('ping', true, 'icmp', 'opened a raw ICMP socket inside', withoutRaw);

export const ping6 = inside(
  'ping over IPv6',
  false,
  'icmp6',
  'opened a raw ICMPv6 socket inside',
  async (probe, refused) => {
    if (refused.code !== 'EAFNOSUPPORT') return withoutRaw(probe, refused);
    return {
      why: 'this kernel has no IPv6',
      cure: 'Boot without ipv6.disable=1 on the kernel command line, or load the module: sudo modprobe ipv6',
    };
  },
);

export const sysctl = inside('sysctls', false, 'sysctl', 'set one inside', async (probe, refused) => {
  if (refused.code === 'EROFS')
    return {
      why: '/proc/sys is read-only, as container engines mount it',
      cure: await engineCure(probe, 'proc'),
    };
  if (refused.code === 'ENOENT')
    return { why: '/proc/sys is not there', cure: await engineCure(probe, 'proc') };
  if (refused.call === 'clone' && !direct(probe))
    return { why: 'entering takes the stub here, which does not run', cure: 'As for the stub' };
  return whyRefused(probe, refused);
});
