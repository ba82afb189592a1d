import type { Call } from '../handles/listing.js';
import { readAnswer } from '../netlink/answer.js';
import type { Connection } from '../netlink/connection.js';
import type { MessageCodec } from '../netlink/message.js';
import type { Request } from '../netlink/request.js';
import { chain } from '../nftables/chain.js';
import { NFPROTO, NFT_MSG } from '../nftables/constants.js';
import { elements } from '../nftables/element.js';
import { flowtable } from '../nftables/flowtable.js';
import { generation } from '../nftables/generation.js';
import { object } from '../nftables/object.js';
import { rule } from '../nftables/rule.js';
import { type SetMessage, set } from '../nftables/set.js';
import { table } from '../nftables/table.js';
import { NsnetError, withDetails } from '../syscalls/errors.js';
import { checkKeys, checkObject, checkSignal, checkString } from '../syscalls/validate.js';
import { elementsFromWire } from './elements.js';
import { checkFamily, setKey } from './refs.js';
import { type SetShape, shapeIn } from './set-shape.js';
import type { Ruleset, SetElement, TableFamily } from './types.js';
import { chainIn, flowtableIn, objectIn, ruleIn, setIn, tableIn } from './views.js';

/** A ruleset that changes while it is read is read again, so often. */
const TRIES = 16;

export interface Filter {
  family?: TableFamily;
  table?: string;
}

export function checkFilter(filter: Filter & Call): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, ['family', 'table', 'signal']);
  checkSignal(filter.signal);
  if (filter.family !== undefined) checkFamily(filter.family);
  if (filter.table !== undefined) checkString('table', filter.table);
}

const THESE: Readonly<Record<string, string>> = {
  elements: 'the elements of a set',
  generation: 'the ruleset',
};
const NEEDS = 'Reading a ruleset needs CAP_NET_ADMIN in the user namespace that owns the network namespace';

/** Reads a ruleset by one connection. */
export class Reader {
  readonly #connection: Connection;
  readonly #where: string;
  readonly #signal: AbortSignal | undefined;

  constructor(connection: Connection, where: string, signal?: AbortSignal) {
    this.#connection = connection;
    this.#where = where;
    this.#signal = signal;
  }

  #request(
    type: `GET${string}` & keyof typeof NFT_MSG,
    codec: MessageCodec<never, never>,
    body: object,
  ): Request {
    const what = codec.name;
    return {
      name: `NFT_MSG_${type}`,
      type: NFT_MSG[type],
      flags: 0,
      codec: codec as Request['codec'],
      body,
      subject: `${THESE[what] ?? `the ${what}s`} in ${this.#where}`,
      signal: this.#signal,
      reads: true,
      explain: (error) => (error.code === 'EPERM' ? withDetails(error, { hint: NEEDS }) : error),
    };
  }

  #dump<T, I>(
    type: `GET${string}` & keyof typeof NFT_MSG,
    codec: MessageCodec<T, I>,
    family: TableFamily | undefined,
    attributes: object = {},
  ): Promise<T[]> {
    const body = { family: family === undefined ? 0 : NFPROTO[family], attributes };
    const request = this.#request(type, codec as unknown as MessageCodec<never, never>, body);
    return this.#connection.dump(request, (answer) => readAnswer(codec, answer));
  }

  async generation(): Promise<number> {
    const request = this.#request('GETGEN', generation as unknown as MessageCodec<never, never>, {});
    const [answer] = await this.#connection.request(request);
    const id = answer && readAnswer(generation, answer).attributes.id;
    if (id === undefined) throw new NsnetError('EBADMSG', 'the kernel did not tell the generation');
    return id;
  }

  /** The shape of one set. */
  async shape(family: TableFamily, tableName: string, name: string): Promise<SetShape> {
    const body = { family: NFPROTO[family], attributes: { table: tableName, name } };
    const request = this.#request('GETSET', set as unknown as MessageCodec<never, never>, body);
    request.subject = `set '${name}' of table ${family} '${tableName}' in ${this.#where}`;
    const [answer] = await this.#connection.request(request);
    if (!answer) throw new NsnetError('ENOENT', 'no such set', { subject: request.subject });
    return shapeIn(readAnswer(set, answer));
  }

  /** One table by itself, whatever else changes meanwhile; undefined if there is none of that name. */
  async table(family: TableFamily, name: string): Promise<Ruleset['tables'][number] | undefined> {
    const body = { family: NFPROTO[family], attributes: { name } };
    const request = this.#request('GETTABLE', table as unknown as MessageCodec<never, never>, body);
    request.subject = `table ${family} '${name}' in ${this.#where}`;
    try {
      const [answer] = await this.#connection.request(request);
      return answer && tableIn(readAnswer(table, answer));
    } catch (error) {
      if ((error as NsnetError).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** All at one generation. `wanted` says which sets' elements. */
  async ruleset(filter: Filter, wanted: (key: string) => boolean = () => true): Promise<Ruleset> {
    for (let tries = 1; ; tries++) {
      const before = await this.generation();
      const read = await this.#read(filter, wanted).catch((error: NsnetError) => error);
      const after = await this.generation();
      if (before === after && !(read instanceof Error)) return { generation: after, ...read };
      if (read instanceof Error && read.code !== 'ENOENT' && read.code !== 'EINTR') throw read;
      // A table that goes with its owner's socket is gone without a generation of its own.
      if (tries < TRIES) continue;
      if (before === after) throw read;
      throw new NsnetError('EINTR', `the ruleset changed each of the ${tries} times it was read`, {
        syscall: 'NFT_MSG_GETGEN',
        subject: `the ruleset in ${this.#where}`,
      });
    }
  }

  async #read(
    { family, table: only }: Filter,
    wanted: (key: string) => boolean,
  ): Promise<Omit<Ruleset, 'generation'>> {
    const inTable = only === undefined ? {} : { table: only };
    const all = [
      this.#dump('GETTABLE', table, family),
      this.#dump('GETCHAIN', chain, family),
      this.#dump('GETRULE', rule, family, inTable),
      this.#dump('GETSET', set, family),
      this.#dump('GETOBJ', object, family, inTable),
      this.#dump('GETFLOWTABLE', flowtable, family),
    ] as const;
    const [tables, chains, rules, sets, objects, flowtables] = await Promise.all(all);
    const here = ({ attributes }: { attributes: { table?: string } }) =>
      only === undefined || attributes.table === only;
    return {
      tables: tables.map(tableIn).filter(({ name }) => only === undefined || name === only),
      chains: chains.filter(here).map(chainIn),
      rules: rules.filter(here).map(ruleIn),
      sets: await Promise.all(sets.filter(here).map((one) => this.#whole(one, wanted))),
      objects: objects.filter(here).map(objectIn),
      flowtables: flowtables.filter(here).map(flowtableIn),
    };
  }

  async #whole(message: SetMessage, wanted: (key: string) => boolean): Promise<Ruleset['sets'][number]> {
    const view = setIn(message);
    if (!wanted(setKey(view))) return { ...view, elements: [] };
    return { ...view, elements: await this.#elements(view.family, view.table, view.name, shapeIn(message)) };
  }

  async #elements(
    family: TableFamily,
    tableName: string,
    name: string,
    shape: SetShape,
  ): Promise<SetElement[]> {
    const lists = await this.#dump('GETSETELEM', elements, family, { table: tableName, set: name });
    return elementsFromWire(
      shape,
      lists.flatMap(({ attributes }) => attributes.elements ?? []),
    );
  }
}
