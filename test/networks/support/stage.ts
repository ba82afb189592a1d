// The world around a machine that runs containers, in namespaces: a LAN with another machine on it, and what is behind
// its router. One process plays everybody.
import { Bridge, Netns, Scope, Veth } from 'nsnet';
import { answerOn, ownAddresses } from './echo.js';

export const HOST = '192.0.2.10';
/** A second address of the host, on the same link. */
export const HOST2 = '192.0.2.11';
export const HOST6 = 'fd00:a::10';
export const LAN = '192.0.2.20';
export const LAN6 = 'fd00:a::20';
export const ROUTER = '192.0.2.1';
export const ROUTER6 = 'fd00:a::1';
export const INTERNET = '198.51.100.7';
export const INTERNET6 = 'fd00:b::7';
/** Where the containers' subnets are; the LAN and the router know the host as the way there. */
export const CONTAINERS = '172.16.0.0/12';
export const CONTAINERS6 = 'fd00:c::/32';

/** A service of the host itself. */
export const SERVICE = 9000;
/** What every container serves; the first of them is published where something is. */
export const INNER = [80, 81] as const;
/** What the machines outside serve; the last is a host port that containers publish, too. */
export const OUTER = [80, 8080] as const;

const SETTINGS: Readonly<Record<string, number>> = {
  'net.ipv6.conf.all.accept_dad': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  // As a machine that lets everything in: what is kept out is kept out by the network.
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv4.icmp_ratelimit': 0,
};

async function machine(scope: Scope): Promise<Netns> {
  const netns = await scope.use(Netns.create());
  for (const [key, value] of Object.entries(SETTINGS)) await netns.sysctl(key, value);
  return netns;
}

interface Outside {
  host: Netns;
  lan: Netns;
  router: Netns;
  internet: Netns;
}

/**
 * `host` is 192.0.2.10 and .11 on a LAN with `lan` (.20) and a router (.1), behind which is `internet` (198.51.100.7).
 * `lan` takes the host as its router to the containers' subnets and to `internet`, as an attacker might. `host` itself
 * has its addresses and a default route, and is no router yet.
 */
export class Stage implements AsyncDisposable {
  readonly host: Netns;
  readonly lan: Netns;
  readonly router: Netns;
  readonly internet: Netns;
  readonly #scope: Scope;
  readonly #containers = new Map<string, Netns>();
  readonly #names = new Map<string, string>([
    [HOST, 'host'],
    [HOST2, 'host2'],
    [HOST6, 'host6'],
    [LAN, 'lan'],
    [LAN6, 'lan6'],
    [INTERNET, 'internet'],
    [INTERNET6, 'internet6'],
    ['127.0.0.1', 'localhost'],
    ['::1', 'localhost6'],
  ]);

  private constructor(scope: Scope, { host, lan, router, internet }: Outside) {
    this.#scope = scope;
    this.host = host;
    this.lan = lan;
    this.router = router;
    this.internet = internet;
  }

  static async create(): Promise<Stage> {
    await using scope = new Scope();
    const [host, lan, router, internet, hub] = await Promise.all(
      Array.from({ length: 5 }, () => machine(scope)),
    );
    if (!host || !lan || !router || !internet || !hub) throw new Error('a machine is missing');
    await cables(scope, { host, lan, router, internet }, hub);
    await Promise.all([answerOn(scope, lan, 'lan', OUTER), answerOn(scope, internet, 'internet', OUTER)]);
    return new Stage(scope.move(), { host, lan, router, internet });
  }

  /** A machine that has nothing but lo, and serves. */
  async container(name: string): Promise<Netns> {
    const netns = await machine(this.#scope);
    await answerOn(this.#scope, netns, name, INNER);
    this.#containers.set(name, netns);
    return netns;
  }

  /** Starts the host's service on the addresses that the host has by now. */
  async serve(): Promise<void> {
    await answerOn(this.#scope, this.host, 'host', [SERVICE], await ownAddresses(this.host));
  }

  /** Of one that container() has made, or of the machines. */
  netns(name: string): Netns {
    const outside: Record<string, Netns | undefined> = {
      host: this.host,
      lan: this.lan,
      internet: this.internet,
    };
    const netns = this.#containers.get(name) ?? outside[name];
    if (netns === undefined) throw new Error(`nobody on the stage is '${name}'`);
    return netns;
  }

  /** From now on tables call an address so. */
  call(address: string | undefined, name: string): void {
    if (address !== undefined) this.#names.set(address, name);
  }

  nameOf(address: string): string {
    return this.#names.get(address) ?? address;
  }

  addressOf(name: string): string | undefined {
    for (const [address, its] of this.#names) if (its === name) return address;
    return undefined;
  }

  /** Of its eth0. */
  async mac(name: string): Promise<string> {
    const { mac } = (await this.netns(name).links.get('eth0')).info;
    if (mac === undefined) throw new Error(`eth0 of ${name} has no MAC address`);
    return mac;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

async function cables(scope: Scope, { host, lan, router, internet }: Outside, hub: Netns): Promise<void> {
  // The hub is a switch of hardware: it filters nothing.
  for (const key of ['iptables', 'ip6tables', 'arptables'])
    await hub.sysctl(`net.bridge.bridge-nf-call-${key}`, 0);
  const master = await scope.use(Bridge.create({ netns: hub, name: 'hub', up: true }));
  const plug = (netns: Netns, name: string, addresses: string[]) =>
    Veth.create({ netns, name: 'eth0', up: true, addresses }, { netns: hub, name, up: true, master });
  await Promise.all([
    plug(host, 'host', [`${HOST}/24`, `${HOST2}/24`, `${HOST6}/64`]),
    plug(lan, 'lan', [`${LAN}/24`, `${LAN6}/64`]),
    plug(router, 'router', [`${ROUTER}/24`, `${ROUTER6}/64`]),
    Veth.create(
      { netns: internet, name: 'eth0', up: true, addresses: [`${INTERNET}/24`, `${INTERNET6}/64`] },
      { netns: router, name: 'eth1', up: true, addresses: ['198.51.100.1/24', 'fd00:b::1/64'] },
    ),
  ]);
  await router.sysctl('net.ipv4.ip_forward', 1);
  await router.sysctl('net.ipv6.conf.all.forwarding', 1);
  for (const netns of [host, lan]) {
    await netns.routes.add({ destination: 'default', gateway: ROUTER });
    await netns.routes.add({ destination: 'default', gateway: ROUTER6 });
  }
  await internet.routes.add({ destination: 'default', gateway: '198.51.100.1' });
  await internet.routes.add({ destination: 'default', gateway: 'fd00:b::1' });
  for (const netns of [lan, router]) {
    await netns.routes.add({ destination: CONTAINERS, gateway: HOST });
    await netns.routes.add({ destination: CONTAINERS6, gateway: HOST6 });
  }
  await lan.routes.add({ destination: `${INTERNET}/32`, gateway: HOST });
  await lan.routes.add({ destination: `${INTERNET6}/128`, gateway: HOST6 });
}
