// What has gone wrong in other implementations of container networks, as attacks on a stage. Each tells what it
// achieved: nothing, where a network is as it should be.
import { setTimeout as sleep } from 'node:timers/promises';
import { Scope } from 'nsnet';
import { shellIn } from '../../netns/support/inside.js';
import { type Case, OTHER } from '../oracle/cases.js';
import { set } from '../oracle/play.js';
import type { NetworkSpec, Side } from '../oracle/side.js';
import { askByHand } from './crafted.js';
import { answerOn, ask } from './echo.js';
import { advertise, believed } from './router-advertisement.js';
import { HOST, HOST2, INTERNET, LAN, SERVICE, Stage } from './stage.js';

const APP: NetworkSpec = { name: 'app', bridge: 'br-app', subnet: '172.18.0.0/16', gateway: '172.18.0.1' };

export interface Scene {
  stage: Stage;
  side: Side;
  /** The address of a, which publishes. */
  a: string;
}

/** A network with a and b, of which a publishes, and one with c. `before` is done before there are any. */
export async function withScene<T>(
  side: Side,
  publish: string[],
  work: (scene: Scene) => Promise<T>,
  before: (stage: Stage) => Promise<unknown> = async () => {},
): Promise<T> {
  await using stage = await Stage.create();
  await using _ = side;
  await before(stage);
  const one: Case = { name: 'attack', told: 'attack', app: APP, publish };
  await set({ stage, side }, one);
  return await work({ stage, side, a: stage.addressOf('a') ?? '' });
}

/** Names of those who answered. */
type Reached = string[];

const nameOf = (answer: { name: string } | undefined): Reached => (answer ? [answer.name] : []);

/** From a machine on the LAN to the host's 127.0.0.1, over the wire. */
export async function reachLocalhost(
  { stage }: Scene,
  port: number,
  transport: 'tcp' | 'udp' = 'tcp',
): Promise<Reached> {
  const mac = { from: await stage.mac('lan'), to: await stage.mac('host') };
  const crafted = { netns: stage.lan, meet: HOST, link: 'eth0', mac, from: LAN, to: '127.0.0.1', port };
  return nameOf(await askByHand({ ...crafted, transport }));
}

/** The same from a container, to the MAC of its gateway. */
export async function reachLocalhostFromContainer(
  { stage }: Scene,
  port: number,
  transport: 'tcp' | 'udp' = 'tcp',
): Promise<Reached> {
  const from = stage.addressOf('b') ?? '';
  const { mac = '' } = (await stage.host.links.get(APP.bridge)).info;
  const way = { netns: stage.netns('b'), meet: APP.gateway, link: 'eth0' };
  const packet = { mac: { from: await stage.mac('b'), to: mac }, from, to: '127.0.0.1', port };
  return nameOf(await askByHand({ ...way, ...packet, transport }));
}

/** A service of the host that is for the host alone. */
export async function serveLocalhost({ stage }: Scene, port: number): Promise<AsyncDisposable> {
  const scope = new Scope();
  await answerOn(scope, stage.host, 'host', [port], ['127.0.0.1']);
  return scope;
}

/** From a machine on the LAN to a container's own address, with the host as router. */
export async function reachByRoute({ stage, a }: Scene): Promise<Reached> {
  const answers = await Promise.all([80, 81].map((port) => ask(stage.lan, 'tcp', a, port)));
  return answers.flatMap(nameOf);
}

/** From a container of another network, to a container's own address. */
export async function reachFromOtherNetwork({ stage, a }: Scene): Promise<Reached> {
  const answers = await Promise.all([80, 81].map((port) => ask(stage.netns('c'), 'tcp', a, port)));
  return answers.flatMap(nameOf);
}

/**
 * A connection through the host to somebody else's port that has the number of a published one: who answers in the place of
 * whom it is for. Whether the host passes it on is not asked.
 */
export async function askForeignAddress({ stage }: Scene): Promise<Reached> {
  const answered = nameOf(await ask(stage.lan, 'tcp', INTERNET, 8080));
  return answered.filter((name) => name !== 'internet');
}

/** What the host's administrator has given another use for one of its addresses. */
export async function reservePort(stage: Stage): Promise<void> {
  const rule = `PREROUTING -d ${HOST2} -p tcp --dport 8080 -j REDIRECT --to-ports ${SERVICE}`;
  await shellIn(stage.host, `iptables -t nat -A ${rule}`);
}

/** Who answers there, and on the address beside it. */
export async function askReservedPort({ stage }: Scene): Promise<Reached> {
  const answers = await Promise.all([HOST2, HOST].map((host) => ask(stage.lan, 'tcp', host, 8080)));
  return answers.flatMap(nameOf);
}

/** What a container's advertisement has made others believe. */
export async function advertiseFromContainer({ stage }: Scene, victims: string[]): Promise<string[]> {
  await advertise(stage.netns('b'), 'eth0');
  // There is nothing to wait for where nobody believes it; a kernel that does takes some milliseconds.
  await sleep(200);
  return (
    await Promise.all(
      victims.map(async (name) => (await believed(stage.netns(name))).map((what) => `${name}: ${what}`)),
    )
  ).flat();
}

/** IPv6 addresses of a container in a network without IPv6. */
export async function unexpectedAddresses({ stage }: Scene): Promise<string[]> {
  const all = await stage.netns('a').addresses.list({ device: 'eth0', family: 'inet6' });
  return all.map(({ address }) => address);
}

/** The sysctls by which a link would take packets for 127.0.0.0/8 from others; those that are on. */
export async function localnetRouted({ stage }: Scene): Promise<string[]> {
  const links = ['all', 'default', 'eth0', APP.bridge, OTHER.bridge];
  const values = await Promise.all(
    links.map((link) => stage.host.sysctl(`net.ipv4.conf.${link}.route_localnet`)),
  );
  return links.filter((_, index) => values[index] !== '0');
}
