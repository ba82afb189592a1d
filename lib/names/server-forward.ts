import { randomInt } from 'node:crypto';
import { untilGivenUp } from '../namespaces/give-up.js';
import type { Internals } from '../namespaces/network.js';
import { connect } from '../sockets/connect.js';
import type { Nameserver } from './nameserver.js';
import type { Asking, Wait } from './reply.js';
import { HEADER, numberAt, RCODE, type ServedQuery } from './server-query.js';
import { isTruncated, makeTruncated, sizeLimit } from './server-reply.js';
import { Slots } from './slots.js';
import { askByTcp } from './tcp.js';
import { askByUdp } from './udp.js';

/** Who is asked for what is not known here. */
export interface Upstream {
  /** The namespace that queries leave from, whatever one they came from. */
  from: Internals;
  /** Asked in turn. Called for each query. */
  nameservers(): Promise<readonly Nameserver[]>;
}

/** Milliseconds that one nameserver is waited for, and how often each is asked. */
const TIMEOUT = 2000;
const ATTEMPTS = 2;

/** Queries under way at once: each has a socket. The others wait. */
const AT_ONCE = 128;

/** Hands queries on, and answers back as they are but for their number: what is in them is not looked at. */
export class Forwarder {
  readonly #upstream: Upstream;
  /** Whether a nameserver is the one that forwards. */
  readonly #isOneself: (server: Nameserver) => boolean;
  readonly #slots = new Slots(AT_ONCE);
  readonly #works = new Set<Promise<unknown>>();

  constructor(upstream: Upstream, isOneself: (server: Nameserver) => boolean) {
    this.#upstream = upstream;
    this.#isOneself = isOneself;
  }

  /**
   * What a nameserver has answered: the first that knows; else what the first said that does not, as SERVFAIL. Undefined
   * where none has answered. Rejects when it is stopped.
   */
  async ask(query: ServedQuery, tcp: boolean, stopped: AbortSignal): Promise<Uint8Array | undefined> {
    const { from } = this.#upstream;
    const work = untilGivenUp(from, { signal: stopped }, (given) =>
      this.#slots.run(given, () => this.#ask(query, tcp, given)),
    );
    const settled = work.then(
      () => this.#works.delete(settled),
      () => this.#works.delete(settled),
    ) as Promise<unknown>;
    this.#works.add(settled);
    return work;
  }

  /** Until everything that was stopped is over, and its sockets are closed. */
  async settled(): Promise<void> {
    await Promise.all(this.#works);
  }

  async #ask(query: ServedQuery, tcp: boolean, stopped: AbortSignal): Promise<Uint8Array | undefined> {
    const servers = (await this.#upstream.nameservers()).filter((server) => !this.#isOneself(server));
    const silent = new Set(servers);
    let said: Uint8Array | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      for (const server of silent) {
        stopped.throwIfAborted();
        const answer = await exchange(this.#upstream.from, server, query, tcp, stopped);
        if (!answer) continue;
        const rcode = answer[3]! & 0x0f;
        if (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) return answer;
        said ??= answer;
        silent.delete(server);
      }
    }
    return said;
  }
}

/**
 * By UDP, then by TCP where that is cut short. A client by UDP that could not take more gets it as it is: it asks
 * again by TCP.
 */
async function exchange(
  from: Internals,
  server: Nameserver,
  query: ServedQuery,
  tcp: boolean,
  stopped: AbortSignal,
): Promise<Uint8Array | undefined> {
  const limit = sizeLimit(query, tcp);
  const wait: Wait = { timeout: TIMEOUT, stopped, unref: true };
  const fitting = (answer: Uint8Array) => (answer.length <= limit ? answer : makeTruncated(query));
  const [reply] = await askByUdp(from, server, [askingOf(query)], wait);
  const answer = reply?.response;
  if (!answer || !isTruncated(answer)) return answer && fitting(answer);
  if (!tcp && !query.edns) return fitting(answer);
  const [whole] = await askByTcp(from, connect, server, [askingOf(query)], wait);
  if (whole?.response && whole.response.length <= limit) return whole.response;
  return tcp ? undefined : fitting(answer);
}

/** The query with a number of its own; its answer with that of the client. */
function askingOf(query: ServedQuery): Asking<Uint8Array> {
  const id = randomInt(0x10000);
  const message = withId(query.bytes, id);
  return {
    message,
    read: (bytes) => (isAnswerTo(query, id, bytes) ? withId(bytes, numberAt(query.bytes, 0)) : undefined),
  };
}

function withId(bytes: Uint8Array, id: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** With that number and the same question. Who understands nothing of it may send a header alone. */
function isAnswerTo({ bytes, end }: ServedQuery, id: number, answer: Uint8Array): boolean {
  if (answer.length < HEADER || numberAt(answer, 0) !== id) return false;
  if ((answer[2]! & 0xf8) !== 0x80) return false;
  const questions = numberAt(answer, 4);
  if (questions === 0) return (answer[3]! & 0x0f) === RCODE.FORMERR;
  if (questions !== 1 || answer.length < end) return false;
  for (let at = HEADER; at < end; at++) {
    // Case does not count in the name, which is before the last 4 bytes; the sizes of its labels are no letters.
    const [a, b] = [bytes[at]!, answer[at]!];
    if (a !== b && (at >= end - 4 || lower(a) !== lower(b))) return false;
  }
  return true;
}

const lower = (byte: number) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
