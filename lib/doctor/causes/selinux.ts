import type { Probes } from '../probes.js';
import type { FindCause } from './cause.js';

const BOOLEANS = '/sys/fs/selinux/booleans';

/** No policy is known to be shipped with such a boolean everywhere, so it is looked for by its name. */
async function switchedOff(probe: Probes): Promise<string | undefined> {
  const candidates = ((await probe.names(BOOLEANS)) ?? []).filter((name) =>
    /userns|user_namespace/.test(name),
  );
  for (const name of candidates) {
    // Its value now and the one that is pending: '0 0'.
    if ((await probe.text(`${BOOLEANS}/${name}`))?.startsWith('0')) return name;
  }
  return undefined;
}

function allow(domain: string): string {
  return [
    `Allow it to the domain ${domain}:`,
    `echo '(allow ${domain} self (user_namespace (create)))' > nsnet.cil`,
    'sudo semodule -i nsnet.cil',
    'What was denied: sudo ausearch -m AVC -ts recent',
  ].join('\n');
}

/** SELinux, whose policies know the class user_namespace since Linux 6.1. */
export const selinux: FindCause = async (probe, { call, code }) => {
  if (code !== 'EACCES' || (await probe.text('/sys/fs/selinux/enforce')) !== '1') return undefined;
  const context = (await probe.text('/proc/self/attr/current')) ?? '';
  const domain = context.split(':')[2] ?? 'its domain';
  if (domain.startsWith('container_'))
    return {
      why: `SELinux denies ${call} to the domain ${domain}`,
      cure: 'Start the container with --security-opt label=disable',
    };
  const off = await switchedOff(probe);
  return {
    why: `SELinux denies ${call === 'unshare' ? 'making a namespace' : call} to the domain ${domain}${off ? `: the boolean ${off} is off` : ''}`,
    cure: off ? `sudo setsebool -P ${off} on` : allow(domain),
  };
};
