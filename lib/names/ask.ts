import type { Internals } from '../namespaces/network.js';
import { makeQuery, type Query, type Question, type Response, rcodeOf } from './dns-message.js';
import { formatNameserver, type Nameserver } from './nameserver.js';
import { failed, type Reply, type Wait } from './reply.js';
import type { ResolverSettings } from './resolv-conf.js';
import { askByTcp, type Connect } from './tcp.js';
import { askByUdp } from './udp.js';

/** Who asks, and how. */
export interface Asker {
  inner: Internals;
  settings: ResolverSettings;
  /** For answers that are too long for UDP. */
  connect: Connect | undefined;
  stopped: AbortSignal;
}

/** The last word of one nameserver that had none to say. */
export interface Failure {
  nameserver: string;
  /** An errno's name, ETIMEOUT, ETRUNCATED, or the code that it answered with: 'SERVFAIL'. */
  code: string;
}

/** What came of a question: a response that says what there is or that there is nothing, or why there is none. */
export interface Outcome {
  response?: Response;
  failures: Failure[];
}

/** One outcome for each question: nameservers are asked in turn, as often as the settings say, until one has answered. */
export async function ask(asker: Asker, questions: readonly Question[]): Promise<Outcome[]> {
  const { settings } = asker;
  const outcomes = questions.map((question) => ({ question, response: undefined, failures: [] }) as Open);
  for (let attempt = 0; attempt < settings.attempts; attempt++) {
    for (const server of settings.nameservers) {
      const open = outcomes.filter(({ response }) => response === undefined);
      if (open.length === 0) return outcomes;
      const groups = settings.oneByOne ? open.map((one) => [one]) : [open];
      for (const group of groups) await askServer(asker, server, group);
    }
  }
  return outcomes;
}

type Open = Outcome & { question: Question };

async function askServer(asker: Asker, server: Nameserver, open: readonly Open[]): Promise<void> {
  const replies = await exchange(
    asker,
    server,
    open.map(({ question }) => question),
  );
  const nameserver = formatNameserver(server);
  open.forEach((one, i) => {
    const { response, failure } = replies[i]!;
    const code = failure ?? rcodeOf(response!);
    if (code === 'NOERROR' || code === 'NXDOMAIN') one.response = response!;
    else
      one.failures = [
        ...one.failures.filter((other) => other.nameserver !== nameserver),
        { nameserver, code },
      ];
  });
}

/** With all that one nameserver may need: without EDNS if it does not understand that, by TCP if it is much. */
async function exchange(asker: Asker, server: Nameserver, questions: readonly Question[]): Promise<Reply[]> {
  const { inner, settings, stopped } = asker;
  const wait = { timeout: settings.timeout, stopped };
  const queries = questions.map((question) => makeQuery(question, true, settings.trustAd));
  const those = (chosen: number[]) => chosen.map((i) => queries[i]!);
  if (settings.tcp) return byTcp(asker, server, queries, wait);
  const replies = await askByUdp(inner, server, queries, wait);
  await improve(replies, misunderstood, (chosen) => {
    for (const i of chosen) queries[i] = makeQuery(questions[i]!, false, settings.trustAd);
    return askByUdp(inner, server, those(chosen), wait);
  });
  await improve(replies, truncated, (chosen) => byTcp(asker, server, those(chosen), wait));
  return replies;
}

const misunderstood = ({ response }: Reply) => response?.rcode === 'FORMERR' || response?.rcode === 'NOTIMP';

const truncated = ({ response }: Reply) => response?.flag_tc === true;

/** Puts what `work` brings in the place of replies that are not good enough, by their numbers. */
async function improve(
  replies: Reply[],
  which: (reply: Reply) => boolean,
  work: (chosen: number[]) => Promise<Reply[]>,
): Promise<void> {
  const chosen = [...replies.keys()].filter((i) => which(replies[i]!));
  if (chosen.length === 0) return;
  const better = await work(chosen);
  chosen.forEach((i, j) => {
    replies[i] = better[j]!;
  });
}

async function byTcp(
  { inner, connect }: Asker,
  server: Nameserver,
  queries: readonly Query[],
  wait: Wait,
): Promise<Reply[]> {
  if (!connect) return queries.map(() => failed('ETRUNCATED'));
  return askByTcp(inner, connect, server, queries, wait);
}
