import { readAnswer } from '../netlink/answer.js';
import type { MessageCodec } from '../netlink/message.js';
import type { Answer } from '../netlink/request.js';
import { chain } from '../nftables/chain.js';
import { NFT_MSG } from '../nftables/constants.js';
import { type ElementsMessage, elements } from '../nftables/element.js';
import { flowtable } from '../nftables/flowtable.js';
import { object } from '../nftables/object.js';
import { rule } from '../nftables/rule.js';
import { set } from '../nftables/set.js';
import { table } from '../nftables/table.js';
import { elementsFromWire } from './elements.js';
import { setKey } from './refs.js';
import { type SetShape, shapeIn } from './set-shape.js';
import type { Chain, Flowtable, NftObject, NftSet, Rule, SetElement, Table, TableFamily } from './types.js';
import { chainIn, familyName, flowtableIn, objectIn, ruleIn, setIn, tableIn } from './views.js';

/** One thing that a transaction made or took away. */
export type NftablesEvent = { type: 'added' | 'deleted' } & (
  | { what: 'table'; value: Table }
  | { what: 'chain'; value: Chain }
  | { what: 'rule'; value: Rule }
  | { what: 'set'; value: NftSet }
  | {
      what: 'elements';
      value: { family: TableFamily; table: string; name: string; elements: SetElement[] };
    }
  | { what: 'object'; value: NftObject }
  | { what: 'flowtable'; value: Flowtable }
);

interface Kind {
  added: number;
  deleted: number;
  what: NftablesEvent['what'];
  // biome-ignore lint/suspicious/noExplicitAny: each codec with its own view
  codec: MessageCodec<any, any>;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  view: (message: any) => object;
}

const KINDS: Kind[] = [
  { added: NFT_MSG.NEWTABLE, deleted: NFT_MSG.DELTABLE, what: 'table', codec: table, view: tableIn },
  { added: NFT_MSG.NEWCHAIN, deleted: NFT_MSG.DELCHAIN, what: 'chain', codec: chain, view: chainIn },
  { added: NFT_MSG.NEWRULE, deleted: NFT_MSG.DELRULE, what: 'rule', codec: rule, view: ruleIn },
  { added: NFT_MSG.NEWSET, deleted: NFT_MSG.DELSET, what: 'set', codec: set, view: setIn },
  { added: NFT_MSG.NEWOBJ, deleted: NFT_MSG.DELOBJ, what: 'object', codec: object, view: objectIn },
  {
    added: NFT_MSG.NEWFLOWTABLE,
    deleted: NFT_MSG.DELFLOWTABLE,
    what: 'flowtable',
    codec: flowtable,
    view: flowtableIn,
  },
];

/** Makes events of messages; remembers the sets that go by, to know what their elements are. */
export class Events {
  readonly #shapes = new Map<string, SetShape>();
  readonly #ask: (family: TableFamily, table: string, name: string) => Promise<SetShape>;

  /** `ask` tells the shape of a set that was there before. */
  constructor(ask: (family: TableFamily, table: string, name: string) => Promise<SetShape>) {
    this.#ask = ask;
  }

  /** Those of one transaction. The two ends of an interval come in messages of their own. */
  async of(messages: readonly Answer[]): Promise<NftablesEvent[]> {
    const events: NftablesEvent[] = [];
    let run: { type: number; key: string; message: ElementsMessage }[] = [];
    const finish = async () => {
      const [first] = run;
      if (first)
        events.push(
          await this.#elements(
            first.type,
            first.key,
            run.map(({ message }) => message),
          ),
        );
      run = [];
    };
    for (const answer of messages) {
      const { type } = answer;
      if (type === NFT_MSG.NEWSETELEM || type === NFT_MSG.DELSETELEM) {
        const message = readAnswer(elements, answer);
        const key = keyOf(message);
        if (run[0] && (run[0].type !== type || run[0].key !== key)) await finish();
        run.push({ type, key, message });
      } else {
        await finish();
        const event = this.#other(answer);
        if (event) events.push(event);
      }
    }
    await finish();
    return events;
  }

  /** Undefined for messages of no interest. */
  #other(answer: Answer): NftablesEvent | undefined {
    const kind = KINDS.find(({ added, deleted }) => answer.type === added || answer.type === deleted);
    if (!kind) return undefined;
    const message = readAnswer(kind.codec, answer);
    const value = kind.view(message);
    if (kind.what === 'set' && answer.type === kind.added)
      this.#shapes.set(setKey(value as NftSet), shapeIn(message));
    return {
      type: answer.type === kind.added ? 'added' : 'deleted',
      what: kind.what,
      value,
    } as NftablesEvent;
  }

  async #elements(number: number, key: string, messages: readonly ElementsMessage[]): Promise<NftablesEvent> {
    const [family, table, name] = JSON.parse(key) as [TableFamily, string, string];
    const shape = this.#shapes.get(key) ?? (await this.#ask(family, table, name).catch(() => undefined));
    if (shape) this.#shapes.set(key, shape);
    const wire = messages.flatMap(({ attributes }) => attributes.elements ?? []);
    // Of a set that is gone already nobody knows what its bytes mean.
    const list = shape ? elementsFromWire(shape, wire) : wire.map(({ key }) => ({ key: key ?? '*' }));
    const type = number === NFT_MSG.NEWSETELEM ? 'added' : 'deleted';
    return { type, what: 'elements', value: { family, table, name, elements: list } };
  }
}

function keyOf({ family, attributes: { table = '', set = '' } }: ElementsMessage): string {
  return setKey({ family: familyName(family), table, name: set });
}
