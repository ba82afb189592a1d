// Plays one case with one side, and writes down who reached whom.
import { Stage } from '../support/stage.js';
import { type Case, OTHER, OTHER6 } from './cases.js';
import { type Probe, probesOf, send, told } from './probes.js';
import type { Side } from './side.js';

/** Whether frames that pass a bridge are shown to iptables: net.bridge.bridge-nf-call-iptables and -ip6tables. */
export type BridgeNetfilter = 0 | 1;

export interface Scene {
  stage: Stage;
  side: Side;
}

/** The stage with the case's networks and containers on it. */
export async function set({ stage, side }: Scene, one: Case): Promise<void> {
  const { app, other6, publish } = one;
  const other = other6 ? OTHER6 : OTHER;
  for (const name of ['a', 'b', 'c']) await stage.container(name);
  await side.build(stage, app);
  await side.build(stage, other);
  stage.call(app.gateway, 'gateway');
  stage.call(app.gateway6, 'gateway6');
  stage.call(other.gateway, 'other-gateway');
  stage.call(other.gateway6, 'other-gateway6');
  const beside = `8090:80/${one.transport ?? 'tcp'}`;
  for (const [name, network, ports] of [
    ['a', app.name, publish],
    ['b', app.name, []],
    ['c', other.name, [beside]],
  ] as const) {
    const { address, address6 } = await side.connect(stage, network, name, { publish: [...ports] });
    stage.call(address, name);
    stage.call(address6, `${name}6`);
  }
  await stage.serve();
}

/** All answers of a case, in the order of its probes. */
export async function play(side: Side, one: Case, netfilter: BridgeNetfilter): Promise<Map<Probe, string>> {
  await using stage = await Stage.create();
  await using _ = side;
  await set({ stage, side }, one);
  for (const key of ['iptables', 'ip6tables'])
    await stage.host.sysctl(`net.bridge.bridge-nf-call-${key}`, netfilter);
  const answers = await Promise.all(
    probesOf(one).map(async (probe) => [probe, told(stage, await send(stage, one, probe))] as const),
  );
  return new Map(answers);
}
