import { checkNetnsName, nameOf } from '../namespaces/names.js';
import type { Internals } from '../namespaces/network.js';
import { invalidType, invalidValue } from '../syscalls/validate.js';
import { canonicalName } from './hostname.js';
import { type HostsFile, parseHosts } from './hosts-file.js';
import { type Nameserver, parseNameserver } from './nameserver.js';
import { OwnFile } from './own-file.js';
import { parseResolvConf, type ResolverSettings, usualSettings } from './resolv-conf.js';
import type { Connect } from './tcp.js';

/** Where a namespace of that name has its files, as iproute2 has it (ip-netns(8)). */
const DIRECTORY = '/etc/netns';

/** What a program under `ip netns exec` sees where the namespace has none of its own. */
export const SHARED = '/etc/resolv.conf';
const shared = resolvConf(SHARED);

function resolvConf(path: string): OwnFile<ResolverSettings> {
  return new OwnFile(path, (text) => parseResolvConf(text, path));
}

/** The names of one namespace object: what its user has entered, and where its files are. */
export class Names {
  /** Addresses by name, entered by the user: checked when they are used. */
  readonly hosts = new Map<string, string | string[]>();
  /** How answers that are too long for UDP are fetched. */
  connect: Connect | undefined;
  readonly #hostsFile: OwnFile<HostsFile> | undefined;
  readonly #resolvConf: OwnFile<ResolverSettings> | undefined;
  #nameservers: string[] = [];
  #turn = 0;

  private constructor(directory: string | undefined) {
    if (directory === undefined) return;
    this.#hostsFile = new OwnFile(`${directory}/hosts`, parseHosts);
    this.#resolvConf = resolvConf(`${directory}/resolv.conf`);
  }

  /** Those of a namespace object; made for one that is pinned at `path`, or nowhere. */
  static of(inner: Internals, path?: string): Names {
    let names = inner.memory.get(Names) as Names | undefined;
    if (!names) {
      names = new Names(directoryOf(path));
      inner.memory.set(Names, names);
    }
    return names;
  }

  /** Nameservers entered by the user: asked instead of those of files. */
  get nameservers(): string[] {
    return this.#nameservers;
  }

  set nameservers(value: string[]) {
    checkNameservers(value);
    this.#nameservers = [...value];
  }

  /** Whether `nameservers` or /etc/netns/<name>/resolv.conf says whom to ask; one that cannot be read is there. */
  async hasOwnNameservers(): Promise<boolean> {
    const own = () => this.#nameservers.length > 0;
    if (own() || !this.#resolvConf) return own();
    const file = await this.#resolvConf.read().catch(() => true);
    return own() || file !== undefined;
  }

  /** /etc/netns/<name>/hosts, if there is one. */
  async hostsFile(): Promise<HostsFile | undefined> {
    return this.#hostsFile?.read();
  }

  /** Whom to ask and how: by `nameservers`, else /etc/netns/<name>/resolv.conf, else /etc/resolv.conf. */
  async settings(): Promise<ResolverSettings> {
    const settings = await this.#settings();
    if (!settings.rotate) return settings;
    const from = this.#turn++ % settings.nameservers.length;
    const { nameservers } = settings;
    return { ...settings, nameservers: [...nameservers.slice(from), ...nameservers.slice(0, from)] };
  }

  async #settings(): Promise<ResolverSettings> {
    if (this.#nameservers.length > 0) {
      return usualSettings(checkNameservers(this.#nameservers), 'netns.nameservers');
    }
    const settings = (await this.#resolvConf?.read()) ?? (await shared.read());
    // An empty file means the same.
    return settings ?? usualSettings([], SHARED);
  }

  /** What the user has entered for a name in its usual form, however the key is written; with that key. */
  entered(name: string): [key: string, value: string | string[]] | undefined {
    const exact = this.hosts.get(name);
    if (exact !== undefined) return [name, exact];
    for (const entry of this.hosts) {
      if (typeof entry[0] === 'string' && canonicalName(entry[0]) === name) return entry;
    }
    return undefined;
  }
}

function directoryOf(path: string | undefined): string | undefined {
  const name = nameOf(path);
  if (name === undefined) return undefined;
  checkNetnsName(name);
  return `${DIRECTORY}/${name}`;
}

function checkNameservers(value: unknown): Nameserver[] {
  if (!Array.isArray(value)) throw invalidType('nameservers', 'an array of strings', value);
  return value.map((text, i) => {
    const name = `nameservers[${i}]`;
    if (typeof text !== 'string') throw invalidType(name, 'a string', text);
    const server = parseNameserver(text);
    const example = "an IP address, with or without a port, such as '10.0.0.1' or '[fd00::1]:5353',";
    if (!server) throw invalidValue(name, example, text);
    return server;
  });
}
