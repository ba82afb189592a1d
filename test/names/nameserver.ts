// A nameserver in a namespace, which answers by hand, or misbehaves.
import { createServer, type Server, type Socket } from 'node:net';
import packet, { type Answer, type DecodedPacket, type Packet } from 'dns-packet';
import type { Netns } from 'nsnet';
import { type Asker, ask, type Outcome } from '../../lib/names/ask.js';
import type { Question } from '../../lib/names/dns-message.js';
import { parseNameserver } from '../../lib/names/nameserver.js';
import { type ResolverSettings, usualSettings } from '../../lib/names/resolv-conf.js';
import { internals } from '../../lib/namespaces/network.js';
import { parseAddress } from '../../lib/netlink/addresses.js';
import { AF } from '../../lib/netlink/constants.js';
import { connect } from '../../lib/sockets/connect.js';
import { SOCK } from '../../lib/sockets/constants.js';
import { MessageSocket } from '../../lib/sockets/message-socket.js';
import { decodeSocketAddress, encodeSocketAddress } from '../../lib/sockets/socket-address.js';
import { native } from '../../lib/syscalls/native.js';
import { scale } from '../support/scale.js';

/** A question as it came in. */
export interface Asked {
  name: string;
  type: string;
  tcp: boolean;
  id: number;
  /** Of the asker; by TCP the number of the connection. */
  port: number;
  edns: boolean;
  query: DecodedPacket;
}

/** Messages to answer with, whole or as packets; none for silence. */
export type Respond = (asked: Asked) => Uint8Array[] | Uint8Array | undefined;

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

/** The answer to a question. */
export function answer(
  { query, id }: Asked,
  answers: Answer[],
  { rcode = 0, flags = 0, ...changes }: Partial<Packet> & { rcode?: number } = {},
): Uint8Array {
  return packet.encode({
    type: 'response',
    id,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | flags | rcode,
    questions: query.questions,
    answers,
    ...changes,
  });
}

export const a = (name: string, data: string): Answer => ({ name, type: 'A', ttl: 60, data });
export const aaaa = (name: string, data: string): Answer => ({ name, type: 'AAAA', ttl: 60, data });
export const cname = (name: string, data: string): Answer => ({ name, type: 'CNAME', ttl: 60, data });

/** Answers from a list of records; NXDOMAIN for names that are not in it. */
export function zone(records: Answer[]): Respond {
  return (asked) => {
    const found: Answer[] = [];
    let owner = asked.name.toLowerCase();
    for (let i = 0; i < 10; i++) {
      const own = records.filter(({ name }) => name.toLowerCase() === owner);
      found.push(...own.filter(({ type }) => type === asked.type || type === 'CNAME'));
      const alias = own.find(({ type }) => type === 'CNAME') as { data: string } | undefined;
      if (!alias || asked.type === 'CNAME') break;
      owner = alias.data;
    }
    const exists = records.some(({ name }) => name.toLowerCase() === owner);
    return answer(asked, found, { rcode: exists ? RCODE.NOERROR : RCODE.NXDOMAIN });
  };
}

export class TestServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  respond: Respond;
  readonly #udp: MessageSocket;
  readonly #tcp: Server;
  readonly #streams = new Set<Socket>();
  #connections = 0;

  private constructor(udp: MessageSocket, tcp: Server, respond: Respond) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.respond = respond;
    const hear = () => {
      // The network tells of askers that have gone.
      for (const [message, address] of udp.receive(100, () => {})) {
        const { port = 0 } = decodeSocketAddress(address) ?? {};
        for (const bytes of this.#answer(message, port, false)) this.send(bytes, address);
      }
      udp.whenReadable(hear);
    };
    udp.whenReadable(hear);
    tcp.on('connection', (stream) => this.#serve(stream, ++this.#connections));
  }

  static async open(netns: Netns, host: string, respond: Respond, port = 53): Promise<TestServer> {
    const { address, family, zone = '0' } = parseNameserver(host.includes(':') ? `[${host}]` : host)!;
    const { bytes } = parseAddress(address);
    const udp = await MessageSocket.open(internals(netns), family === 4 ? AF.INET : AF.INET6, SOCK.DGRAM, 0);
    const scope = zone === '0' ? 0 : native().linkIndex(udp.fd.native, zone);
    const bound = udp.bind(encodeSocketAddress({ bytes, scope, port }));
    if (bound < 0) throw new Error(`bind to ${host}: ${bound}`);
    const tcp = createServer();
    await netns.listen(tcp, { host, port });
    return new TestServer(udp, tcp, respond);
  }

  /** Of TCP, as long as they are open at this end. */
  get streams(): number {
    return this.#streams.size;
  }

  /** A datagram from this server, to an address and port or as it came. */
  send(bytes: Uint8Array, to: Uint8Array | { address: string; port: number }): void {
    const address =
      to instanceof Uint8Array
        ? to
        : encodeSocketAddress({ bytes: parseAddress(to.address).bytes, scope: 0, port: to.port });
    this.#udp.send(bytes, address);
  }

  /** What was asked since the last call: 'A web.example', with ' by TCP' behind it. */
  questions(): string[] {
    return this.asked.splice(0).map(({ name, type, tcp }) => `${type} ${name}${tcp ? ' by TCP' : ''}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    await Promise.all([this.#udp.close(), new Promise((resolve) => this.#tcp.close(resolve))]);
  }

  /** Byte by byte, nearly: nobody may rely on pieces. */
  #serve(stream: Socket, number: number): void {
    let received = Buffer.alloc(0);
    let sending = Promise.resolve();
    this.#streams.add(stream);
    stream.on('close', () => this.#streams.delete(stream));
    stream.on('error', () => {});
    stream.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        for (const bytes of this.#answer(received.subarray(2, end), number, true)) {
          sending = sending.then(async () => {
            for (const piece of [[bytes.length >> 8], [bytes.length & 0xff], bytes]) {
              stream.write(Uint8Array.from(piece));
              await new Promise(setImmediate);
            }
          });
        }
        received = received.subarray(end);
      }
    });
  }

  #answer(message: Uint8Array, port: number, tcp: boolean): Uint8Array[] {
    const query = packet.decode(Buffer.from(message));
    const [{ name, type }] = query.questions as [Question];
    const edns = (query.additionals ?? []).some((record) => record.type === 'OPT');
    const asked: Asked = { name, type, tcp, id: query.id ?? -1, port, edns, query };
    this.asked.push(asked);
    const made = this.respond(asked) ?? [];
    return Array.isArray(made) ? made : [made];
  }
}

/** Who asks these nameservers, and does not wait long for them. */
export function asker(
  netns: Netns,
  nameservers: string[],
  changes: Partial<ResolverSettings> = {},
  stopped = new AbortController().signal,
): Asker {
  const settings = {
    ...usualSettings(
      nameservers.map((text) => parseNameserver(text)!),
      'this test',
    ),
    timeout: scale < 1 ? 3000 : 200,
    attempts: 1,
    ...changes,
  };
  return { inner: internals(netns), settings, connect, stopped };
}

/** What came of one question: the data of its answers, or what the nameservers have said. */
export async function askOne(by: Asker, name: string, type: Question['type'] = 'A'): Promise<unknown> {
  const [{ response, failures } = {} as Outcome] = await ask(by, [{ name, type }]);
  if (!response) return failures.map(({ nameserver, code }) => `${nameserver} ${code}`);
  return [response.rcode, ...(response.answers ?? []).map((record) => (record as { data: unknown }).data)];
}
