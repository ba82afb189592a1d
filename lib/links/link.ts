import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import { type AnyNetns, type Internals, internals, openInternals } from '../namespaces/network.js';
import { parseMac } from '../netlink/addresses.js';
import { readAnswer } from '../netlink/answer.js';
import type { Request } from '../netlink/request.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkBrief, type LinkRequest } from '../rtnetlink/link.js';
import { abortError, closedError, type NsnetError, systemError, withNotUndone } from '../syscalls/errors.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  illegalConstructor,
} from '../syscalls/validate.js';
import { type AddressSpec, addressRequest } from './addresses.js';
import { brandLink } from './brand.js';
import { bridgePortRequest } from './bridge-port.js';
import { checkLinkRef, Devices, forgetNames, getLinkRequest, linkAnswer } from './devices.js';
import { readInfo } from './info.js';
import { moveLink } from './move.js';
import { waitUntilReady } from './ready.js';
import { altNamesRequest, deleteLinkRequest, explainLink, explainTaken, nameInUse } from './requests.js';
import type { DeviceData, LinkInfo, LinkKinds, LinkOptions, LinkRef, LinkStats } from './types.js';
import { checkAddresses, checkLinkChanges } from './validate.js';

/** What set() takes. */
export type LinkChanges<K extends keyof LinkKinds> = Partial<
  Omit<LinkOptions, 'netns' | 'up' | 'addresses'> & LinkKinds[K]
>;

/** What moveTo() takes. */
export type MoveOptions = Pick<LinkOptions, 'name' | 'addresses' | 'up' | 'signal'>;

type Attributes = NonNullable<LinkRequest['attributes']>;

/** What a link is made from: where it is, and what was last read of it. */
export interface Found {
  netns: AnyNetns;
  info: LinkInfo;
  owned: boolean;
}

/** One network device. The object stands for (netns, index): the two follow its own set() and moveTo(). */
export class Link<K extends keyof LinkKinds = keyof LinkKinds> extends Handle {
  #netns: AnyNetns;
  #info: LinkInfo<K>;
  #deleted = false;

  constructor(found: Found) {
    if (!found?.info) {
      const { name } = new.target;
      const made = 'create' in new.target ? `${name}.create({ netns, … })` : 'netns.links.get(name)';
      throw illegalConstructor(name, made);
    }
    const { netns, info, owned } = found;
    super(owned);
    this.#netns = netns;
    this.#info = info as LinkInfo<K>;
    brandLink(this);
  }

  /** The namespace that it is in. */
  get netns(): AnyNetns {
    return this.#netns;
  }

  /** Its number in its namespace. */
  get index(): number {
    return this.#info.index;
  }

  /** Its name, as last read. */
  get name(): string {
    return this.#info.name;
  }

  /** 'veth', 'bridge', 'vxlan' or 'other'. */
  get kind(): K {
    return this.#info.kind;
  }

  /** As last read: by create(), list(), get(), refresh() and every change through this object. */
  get info(): LinkInfo<K> {
    return this.#info;
  }

  /** For errors: "link 'eth0' in netns 'test1'". */
  get subject(): string {
    return `link '${this.name}' in ${internals(this.#netns).subject}`;
  }

  override get closed(): boolean {
    return super.closed || this.#deleted;
  }

  /** Reads it again. Rejects with ENODEV when it is gone. */
  async refresh({ signal }: Call = {}): Promise<this> {
    const inner = this.#open();
    const work = async () => {
      const request = { ...getLinkRequest(this.index, inner.subject), signal };
      await this.#read(inner, linkAnswer(await inner.route.request(request)));
    };
    await inner.during(work());
    return this;
  }

  /**
   * Resolves when it has a carrier (it is up, and so is the other end) and none of its addresses is tentative any more.
   * Until then it waits, if need be for ever, as for a bridge without a port that has one: pass a signal, such as
   * `AbortSignal.timeout(5000)`.
   */
  async ready({ signal }: Call = {}): Promise<void> {
    checkSignal(signal);
    const inner = this.#open();
    await waitUntilReady(inner, this, signal);
  }

  /** Its counters. */
  async stats({ signal }: Call = {}): Promise<LinkStats> {
    const inner = this.#open();
    const request = getLinkRequest(this.index, inner.subject);
    const body = { ...(request.body as LinkRequest), attributes: {} };
    const answers = await inner.route.request({ ...request, body, signal });
    const answer = answers.find(({ type }) => type === RTM.NEWLINK);
    const attributes = answer && readAnswer(codec, answer).attributes;
    const stats = attributes?.stats64 ?? attributes?.stats;
    if (!stats) throw systemError(-95, 'RTM_GETLINK', { subject: this.subject });
    const { rxPackets, txPackets, rxBytes, txBytes, rxErrors, txErrors, rxDropped, txDropped } = stats;
    const { multicast, collisions } = stats;
    return {
      rxPackets,
      txPackets,
      rxBytes,
      txBytes,
      rxErrors,
      txErrors,
      rxDropped,
      txDropped,
      multicast,
      collisions,
    };
  }

  /** Switches it on. */
  async up({ signal }: Call = {}): Promise<void> {
    await this.#change({}, { flags: IFF.UP, change: IFF.UP, signal });
  }

  /** Switches it off. IPv6 addresses and all routes over it go, as Linux has it. */
  async down({ signal }: Call = {}): Promise<void> {
    await this.#change({}, { change: IFF.UP, signal });
  }

  /** Changes what is given and leaves the rest; up() and down() are methods of their own. Renaming keeps the index. */
  async set(changes: LinkChanges<K>): Promise<void> {
    checkLinkChanges(changes, this.ownOptions());
    const inner = this.#open();
    const { name, mtu, mac, alias, altNames, linkGroup, bridgePort, master, signal } = changes;
    if (master != null) checkLinkRef(master, inner, 'master');
    const data = this.dataOf(changes);
    const named = this.devicesOf(changes);
    for (const [key, ref] of Object.entries(named)) if (ref !== undefined) checkLinkRef(ref, inner, key);
    const devices = Devices.of(inner);
    const indexOf = (ref: LinkRef) => devices.index(ref);
    const dataNow = () => (typeof data === 'function' ? (data as DeviceData)(indexOf) : data);
    const attributes = (): Attributes => ({
      ...(name !== undefined && name !== this.name && { ifname: name }),
      ...(mtu !== undefined && { mtu }),
      ...(mac !== undefined && parseMac('mac', mac) && { address: mac.toLowerCase() }),
      ...(alias !== undefined && { ifalias: alias }),
      ...(linkGroup !== undefined && { group: linkGroup }),
      ...(master !== undefined && { master: master === null ? 0 : devices.index(master) }),
      ...(data && { linkinfo: { kind: this.kind, data: dataNow() } as never }),
    });
    const prepare: Request['prepare'] = (ask) => devices.prepareAll([master, ...Object.values(named)], ask);
    const port =
      bridgePort && bridgePortRequest(inner, () => this.index, bridgePort, this.subject, { signal });
    if (altNames !== undefined) await this.refresh({ signal });
    const previous = this.info.altNames;
    const changed = this.#change(attributes, { prepare, signal, behind: port });
    await (altNames === undefined
      ? changed
      : Promise.all([changed, this.#setAltNames(inner, previous, altNames)]));
    if (altNames !== undefined) await this.refresh({ signal });
  }

  /** The same as `netns.addresses.add()` with this device. */
  async addAddress(address: string | Omit<AddressSpec, 'device'>, { signal }: Call = {}): Promise<void> {
    const inner = this.#open();
    const spec = typeof address === 'string' ? { address } : address;
    await inner.route.request({ ...addressRequest('add', () => this.index, spec, this.subject), signal });
  }

  /** The same as `netns.addresses.delete()` with this device. */
  async removeAddress(address: string, { signal }: Call = {}): Promise<void> {
    const inner = this.#open();
    await inner.route.request({
      ...addressRequest('delete', () => this.index, { address }, this.subject),
      signal,
    });
  }

  /**
   * Moves it into another namespace. Linux drops its addresses and sets it down; its index may change. What `options`
   * give is done there; if that fails it is moved back.
   */
  async moveTo(netns: AnyNetns, options: MoveOptions = {}): Promise<void> {
    const inner = this.#open();
    const there = openInternals(netns);
    checkObject('options', options);
    checkKeys('options', options, ['name', 'addresses', 'up', 'signal']);
    const { name = this.name, addresses, up, signal } = options;
    if (up !== undefined) checkBoolean('up', up);
    checkLinkChanges({ name, signal }, []);
    checkAddresses(addresses);
    const from = { netns: this.#netns, name: this.name, up: this.info.up };
    await this.#move(inner, there, netns, name, signal);
    try {
      if (signal?.aborted) throw abortError(signal);
      const work = (addresses ?? []).map((address) => this.addAddress(address, { signal }));
      if (up) work.push(this.up({ signal }));
      const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    } catch (error) {
      throw await this.#moveBack(from, error);
    }
  }

  /** Where it was before; what the move had dropped there stays dropped. */
  async #moveBack(from: { netns: AnyNetns; name: string; up: boolean }, error: unknown): Promise<unknown> {
    try {
      await this.#move(internals(this.#netns), openInternals(from.netns), from.netns, from.name);
      if (from.up) await this.up();
      return error;
    } catch (undoing) {
      return withNotUndone(error, undoing);
    }
  }

  #move(
    here: Internals,
    there: Internals,
    netns: AnyNetns,
    name: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const work = async () => {
      const message = await moveLink({ here, there, info: this.info, name, subject: this.subject, signal });
      this.#netns = netns;
      await this.#read(there, message);
    };
    return here.during(there.during(work()));
  }

  /** Removes it, whoever made it. Again is no error. */
  async delete({ signal }: Call = {}): Promise<void> {
    if (this.#deleted) return;
    const inner = openInternals(this.#netns);
    try {
      await inner.route.request({ ...deleteLinkRequest(inner, this.index, this.subject), signal });
    } catch (error) {
      if ((error as NsnetError).code !== 'ENODEV') throw error;
    }
    this.#deleted = true;
  }

  /** @internal It was deleted otherwise. */
  noteDeleted(): void {
    this.#deleted = true;
  }

  override toString(): string {
    const { index, name, kind, up } = this.info;
    return `${this.constructor.name} { name: '${name}', index: ${index}, kind: '${kind}', ${up ? 'up' : 'down'}, ${internals(this.#netns).subject} }`;
  }

  override toJSON(): LinkInfo<K> {
    return this.info;
  }

  /** A link goes with a namespace that was made here: once that is closed there is nothing left to remove. */
  protected override async dispose(owned: boolean): Promise<void> {
    if (!owned || this.#deleted) return;
    // Whoever only opened the namespace has let it go, and the link is still there.
    if (this.#netns.closed && !this.#netns.owned) throw closedError(internals(this.#netns).subject);
    if (!this.#netns.closed) await this.delete();
  }

  /** Names of the kind's own options. */
  protected ownOptions(): readonly string[] {
    return [];
  }

  /** IFLA_INFO_DATA for changes of the kind's own options; a function where it names devices. */
  protected dataOf(_changes: object): object | DeviceData | undefined {
    return undefined;
  }

  /** What is known of the causes of refused changes. */
  protected explain(error: NsnetError): NsnetError {
    return explainLink(error);
  }

  /** The options that name devices. */
  protected devicesOf(_changes: object): Record<string, LinkRef | undefined> {
    return {};
  }

  #open(): Internals {
    const inner = openInternals(this.#netns);
    if (this.closed) throw closedError(this.subject);
    return inner;
  }

  async #read(inner: Internals, message: LinkBrief): Promise<void> {
    this.#info = (await readInfo(inner, message)) as LinkInfo<K>;
  }

  /** Changes it and reads it back, in one send. */
  #change(
    attributes: Attributes | (() => Attributes),
    how: {
      flags?: number;
      change?: number;
      prepare?: Request['prepare'];
      signal?: AbortSignal;
      /** Issued right behind it. */
      behind?: Request | undefined;
    },
  ): Promise<void> {
    const inner = this.#open();
    const { flags = 0, change = 0, prepare, signal, behind } = how;
    const { index, subject } = this;
    let renamed = '';
    const work = async () => {
      const changed = inner.route.run({
        name: 'RTM_NEWLINK',
        type: RTM.NEWLINK,
        flags: 0,
        codec,
        body: () => {
          const content = typeof attributes === 'function' ? attributes() : attributes;
          if (content.ifname !== undefined) {
            renamed = `link '${content.ifname}' in ${inner.subject}`;
            forgetNames(inner);
          }
          return { index, flags, change, attributes: content };
        },
        subject,
        prepare,
        signal,
        explain: (error) => this.explain(renamed ? explainTaken(error, nameInUse(renamed)) : error),
      });
      const after = behind && inner.route.run(behind);
      const look = inner.route.request({ ...getLinkRequest(index, inner.subject), signal });
      const [, answers] = await Promise.all([changed, look, after]);
      await this.#read(inner, linkAnswer(answers));
    };
    return inner.during(work());
  }

  async #setAltNames(inner: Internals, before: string[], after: string[]): Promise<void> {
    const gone = before.filter((name) => !after.includes(name));
    const come = after.filter((name) => !before.includes(name));
    const work = [];
    if (gone.length > 0)
      work.push(inner.route.request(altNamesRequest('delete', inner, () => this.index, gone, this.subject)));
    if (come.length > 0)
      work.push(inner.route.request(altNamesRequest('add', inner, () => this.index, come, this.subject)));
    await Promise.all(work);
  }
}
