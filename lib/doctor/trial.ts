// A network namespace that lasts as long as it takes to try things in it.
import { Connection } from '../netlink/connection.js';
import { AF, NETLINK, NLM_F } from '../netlink/constants.js';
import { configureNetlink, netlinkSocket } from '../netlink/socket.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkRequest } from '../rtnetlink/link.js';
import { CLONE, type Inside, isFailure } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { holding, make, outcomeOf, requestOutcome, WORKED } from './attempt.js';
import type { NetworkTrial, Outcome } from './probes.js';

const SOCK_RAW = 3;
const ICMP: [domain: number, type: number, protocol: number] = [AF.INET, SOCK_RAW, 1];
const ICMP6: [domain: number, type: number, protocol: number] = [AF.INET6, SOCK_RAW, 58];

/** Every network namespace has it; this is the value it begins with. */
const SYSCTL = '/proc/sys/net/ipv4/ip_default_ttl';
const VALUE = Buffer.from('64\n');

interface Place {
  flags: number;
  names: string[];
}

const place = (direct: boolean): Place =>
  direct ? { flags: CLONE.net, names: ['net'] } : { flags: CLONE.user | CLONE.net, names: ['user', 'net'] };

/** `direct` without a user namespace of its own around it. */
export async function tryNetwork(direct: boolean): Promise<NetworkTrial> {
  const { flags, names } = place(direct);
  const made = await make(flags, names, netlinkSocket(NETLINK.ROUTE));
  if (!Array.isArray(made)) return { made };
  return holding(made, async () => {
    const [route, net, user] = made.toReversed() as [Fd, Fd, Fd?];
    // Foreign as far as the add-on knows, so that it is entered by the stub.
    const entries = [...(user ? [user.native, CLONE.user] : []), net.native, CLONE.net];
    const inside: Inside = { entries, ownMemory: user !== undefined };
    const [links, entered, icmp, icmp6, sysctl] = await Promise.all([
      tryLinks(route),
      outcomeOf(native().open(entries, inside.ownMemory, '/proc/self/ns/net', 0, 0)),
      trySocket(direct, ICMP),
      trySocket(direct, ICMP6),
      trySysctl(inside),
    ]);
    return { made: WORKED, inside: { ...links, entered, icmp, icmp6, sysctl } };
  });
}

async function tryLinks(route: Fd): Promise<{ netlink: Outcome; veth: Outcome; bridge: Outcome }> {
  const connection = new Connection(async () => configureNetlink(route), 'the namespace of a trial');
  const create = (ifname: string, linkinfo: object): LinkRequest => ({
    family: 0,
    type: 0,
    index: 0,
    flags: 0,
    change: 0,
    attributes: { ifname, linkinfo: linkinfo as never },
  });
  const peer = { family: 0, type: 0, index: 0, flags: 0, change: 0, attributes: { ifname: 'b' } };
  const ask = (body: LinkRequest, flags: number) =>
    requestOutcome(connection.request({ name: 'RTM_NEWLINK', type: RTM.NEWLINK, flags, codec, body }));
  const [netlink, veth, bridge] = await Promise.all([
    ask({ family: 0, type: 0, index: 1, flags: IFF.UP, change: IFF.UP, attributes: {} }, 0),
    ask(create('a', { kind: 'veth', data: { peer } }), NLM_F.CREATE | NLM_F.EXCL),
    ask(create('c', { kind: 'bridge' }), NLM_F.CREATE | NLM_F.EXCL),
  ]);
  return { netlink, veth, bridge };
}

/** In a namespace of its own: made along with it, so that entering is not what fails. */
async function trySocket(direct: boolean, socket: readonly number[]): Promise<Outcome> {
  const { flags } = place(direct);
  const made = await make(flags, [], socket);
  return Array.isArray(made) ? holding(made, async () => WORKED) : made;
}

async function trySysctl({ entries, ownMemory }: Inside): Promise<Outcome> {
  const written = await native().writeFile(entries, ownMemory, SYSCTL, VALUE);
  return outcomeOf(Promise.resolve(written));
}

const MS = { BIND: 0x1000, REC: 0x4000, PRIVATE: 0x40000 } as const;

/** In a mount namespace that is private before anything is mounted in it. `target` is any file that exists. */
export async function tryMount(target: string): Promise<Outcome> {
  const made = await make(CLONE.mnt, ['mnt']);
  if (!Array.isArray(made)) return made;
  return holding(made, async () => {
    const entries = [(made[0] as Fd).native, CLONE.mnt];
    const mount = (source: string, to: string, flags: number) =>
      native().mount(entries, false, source, to, null, flags, null);
    const kept = await mount('none', '/', MS.PRIVATE | MS.REC);
    if (isFailure(kept)) return outcomeOf(Promise.resolve(kept));
    return outcomeOf(mount('/proc/self/ns/net', target, MS.BIND));
  });
}
