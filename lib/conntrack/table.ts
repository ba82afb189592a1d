import type { Internals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { readAnswer } from '../netlink/answer.js';
import { Connection } from '../netlink/connection.js';
import { AF, NETLINK } from '../netlink/constants.js';
import type { Request } from '../netlink/request.js';
import { openNetlink } from '../netlink/socket.js';
import { NsnetError, unsupportedError } from '../syscalls/errors.js';
import { CTA_FILTER_F, IPCTNL_MSG_CT, NFGEN_VERSION_FAMILY, PROTOCOLS } from './constants.js';
import { type ConntrackEntry, entryOf } from './entry.js';
import type { Checked } from './filter.js';
import { type ConntrackMessage, conntrack as codec, statistics } from './wire.js';

const KEY = Symbol('conntrack');
/** The kernel has no netlink for netfilter: EPROTONOSUPPORT. */
const NO_NETFILTER = 'EPROTONOSUPPORT';

/** The namespace's socket for it, opened when first used and closed with the namespace object. */
function connectionOf(inner: Internals): Connection {
  const known = inner.memory.get(KEY) as Connection | undefined;
  if (known) return known;
  const connection = new Connection(
    async () => openNetlink(inner.inside(), NETLINK.NETFILTER, inner.subject),
    inner.subject,
  );
  inner.keep(() => connection.close());
  inner.memory.set(KEY, connection);
  return connection;
}

interface Found {
  entry: ConntrackEntry;
  message: ConntrackMessage;
}

/** The entries that match, with the messages that told of them. */
export async function find(
  inner: Internals,
  { family, matches }: Pick<Checked, 'family' | 'matches'>,
  signal: AbortSignal | undefined,
): Promise<Found[]> {
  const request = {
    name: 'IPCTNL_MSG_CT_GET',
    type: IPCTNL_MSG_CT.GET,
    flags: 0,
    codec,
    body: { family: family ? familyNumber(family) : AF.UNSPEC },
    subject: subjectOf(inner),
    signal,
  };
  const found = connectionOf(inner).dump(request, (answer) => {
    const message = readAnswer(codec, answer);
    const entry = entryOf(message);
    return entry && matches(entry) ? { entry, message } : undefined;
  });
  return found.catch((error) => {
    throw explained(error);
  });
}

/** How many there are. Asked in no time, where reading them goes through a table that is large even if it is empty. */
export async function count(inner: Internals): Promise<number> {
  const request = {
    name: 'IPCTNL_MSG_CT_GET_STATS',
    type: IPCTNL_MSG_CT.GET_STATS,
    flags: 0,
    codec: statistics,
    body: { family: AF.UNSPEC },
    subject: subjectOf(inner),
  };
  const [answer] = await connectionOf(inner)
    .request(request)
    .catch((error) => {
      throw explained(error);
    });
  // What does not say so may have some.
  return (answer && readAnswer(statistics, answer).attributes.entries) ?? Number.POSITIVE_INFINITY;
}

/** False where it has gone meanwhile, or another one that looks the same has come in its place. */
export async function remove(
  inner: Internals,
  { message: { family, attributes } }: Found,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { original, zone, id } = attributes;
  const request = requestToDelete(inner, { family, attributes: { original, zone, id } }, signal);
  return connectionOf(inner)
    .run(request)
    .then(
      () => true,
      (error) => {
        if ((error as NsnetError).code === 'ENOENT') return false;
        throw explained(error);
      },
    );
}

/**
 * Those to a port, as their first packets had it, in one request (6.12): the kernel passes over what is empty, which it
 * does not where the table is read. Earlier kernels refuse a filter here: EINVAL.
 */
export async function removeTo(
  inner: Internals,
  family: Family,
  protocol: 'tcp' | 'udp',
  port: number,
): Promise<void> {
  const original = { protocol: { number: PROTOCOLS[protocol], destinationPort: port } };
  const filter = { originalFlags: CTA_FILTER_F.PROTO_NUM | CTA_FILTER_F.PROTO_DST_PORT };
  const header = { family: familyNumber(family), version: NFGEN_VERSION_FAMILY };
  await connectionOf(inner).run(
    requestToDelete(inner, { ...header, attributes: { original, filter } }, undefined),
  );
}

/** The same of those that this address answers, whatever address they were sent to. */
export async function removeAnsweredBy(inner: Internals, family: Family, address: string): Promise<void> {
  const reply = { ip: family === 'inet' ? { v4Source: address } : { v6Source: address } };
  const filter = { replyFlags: CTA_FILTER_F.IP_SRC };
  const header = { family: familyNumber(family), version: NFGEN_VERSION_FAMILY };
  await connectionOf(inner).run(
    requestToDelete(inner, { ...header, attributes: { reply, filter } }, undefined),
  );
}

/** In one request. */
export async function removeAll(
  inner: Internals,
  family: Family | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const body =
    family === undefined
      ? { family: AF.UNSPEC }
      : { family: familyNumber(family), version: NFGEN_VERSION_FAMILY };
  await connectionOf(inner)
    .run(requestToDelete(inner, body, signal))
    .catch((error) => {
      throw explained(error);
    });
}

function requestToDelete(inner: Internals, body: object, signal: AbortSignal | undefined): Request {
  return {
    name: 'IPCTNL_MSG_CT_DELETE',
    type: IPCTNL_MSG_CT.DELETE,
    flags: 0,
    codec,
    body,
    subject: subjectOf(inner),
    signal,
  };
}

const subjectOf = ({ subject }: Internals) => `connection tracking of ${subject}`;

function explained(error: unknown): unknown {
  if (!(error instanceof NsnetError)) return error;
  const { code, subject, syscall } = error;
  if (code === NO_NETFILTER && syscall === 'socket')
    return unsupportedError('this kernel has no netlink for netfilter', { subject });
  if (code === 'EPERM')
    return error.with({
      hint: 'It takes CAP_NET_ADMIN in the user namespace that owns the network namespace',
    });
  // nfnetlink's answer for a subsystem that nobody has registered.
  if (code === 'EINVAL' && syscall?.startsWith('IPCTNL'))
    return error.with({ hint: "The kernel may lack nf_conntrack_netlink: 'modprobe nf_conntrack_netlink'" });
  return error;
}
