// What the nft program says of a namespace of ours, and rulesets that it loads.
import type { Netns } from 'nsnet';
import { runIn } from '../../netns/support/inside.js';

/** `nft list ruleset`. */
export function listRuleset(netns: Netns): Promise<string> {
  return runIn(netns, 'nft', 'list', 'ruleset');
}

/** `nft -j list ruleset`, without handles and what nft says of itself. */
export async function jsonRuleset(netns: Netns): Promise<unknown[]> {
  const { nftables } = JSON.parse(await runIn(netns, 'nft', '-j', 'list', 'ruleset'));
  return nftables
    .slice(1)
    .map((one: object) =>
      JSON.parse(JSON.stringify(one, (key, value) => (key === 'handle' ? undefined : value))),
    );
}

/** `nft -f`. */
export function loadRuleset(netns: Netns, text: string): Promise<string> {
  return runIn(netns, 'sh', '-c', 'printf %s "$1" | nft -f -', 'sh', text);
}
