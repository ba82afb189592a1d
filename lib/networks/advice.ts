import type { Ruleset } from '../firewall/types.js';
import type { AnyNetns } from '../namespaces/network.js';
import type { NsnetError } from '../syscalls/errors.js';

/**
 * What of others' rules stands in the way of a network, with the rule to add. A packet passes only what every table's
 * forward chain lets pass: an accept of ours does not end the others' (nft(8)). Nobody's table is touched.
 */
export async function adviceOf(netns: AnyNetns, device: string): Promise<string[]> {
  try {
    return advise(await netns.nftables.list(), device);
  } catch (error) {
    const { code, message } = error as NsnetError;
    if (code !== 'EINTR') throw error;
    return [`Whether others' rules stand in its way could not be told: ${message}`];
  }
}

function advise({ chains, rules }: Ruleset, device: string): string[] {
  const dropping = chains.filter(
    ({ table, hook, policy, family, type }) =>
      hook === 'forward' &&
      type === 'filter' &&
      policy === 'drop' &&
      ['ip', 'ip6', 'inet'].includes(family) &&
      !table.startsWith('nsnet-'),
  );
  return dropping.flatMap(({ family, table, name }) => {
    const own = rules.filter((rule) => rule.family === family && rule.table === table);
    const known = JSON.stringify(own).includes(JSON.stringify(device));
    if (known) return [];
    return [
      `Chain ${name} of table ${family} ${table} drops what it does not know, and with it the traffic of this network. Add: ${ruleFor(family, table, name, device)}`,
    ];
  });
}

/** As the program that made the chain takes it. */
function ruleFor(family: string, table: string, chain: string, device: string): string {
  const iptables = family === 'ip6' ? 'ip6tables' : 'iptables';
  const ofIptables = table === 'filter' && chain === 'FORWARD' && family !== 'inet';
  if (ofIptables) {
    return ['-i', '-o'].map((side) => `${iptables} -I FORWARD ${side} ${device} -j ACCEPT`).join('; ');
  }
  return ['iifname', 'oifname']
    .map((side) => `nft insert rule ${family} ${table} ${chain} ${side} "${device}" accept`)
    .join('; ');
}
