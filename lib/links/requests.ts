import type { Internals } from '../namespaces/network.js';
import { NLM_F } from '../netlink/constants.js';
import type { Request } from '../netlink/request.js';
import { messageName, RTM } from '../rtnetlink/constants.js';
import { link as codec } from '../rtnetlink/link.js';
import { type ErrorDetails, type NsnetError, withDetails } from '../syscalls/errors.js';
import { forgetNames } from './devices.js';

/** RTM_NEWLINKPROP or RTM_DELLINKPROP (5.5). */
export function altNamesRequest(
  mode: 'add' | 'delete',
  inner: Internals,
  index: () => number,
  names: string[],
  subject: string,
): Request {
  const type = mode === 'add' ? RTM.NEWLINKPROP : RTM.DELLINKPROP;
  return {
    name: messageName(type),
    type,
    flags: mode === 'add' ? NLM_F.CREATE | NLM_F.EXCL | NLM_F.APPEND : 0,
    codec,
    body: () => {
      forgetNames(inner);
      return {
        family: 0,
        type: 0,
        index: index(),
        flags: 0,
        change: 0,
        attributes: { propList: { altIfname: names } },
      };
    },
    subject,
    explain: (error) => explainTaken(error, 'A link there has one of these names already'),
  };
}

export function deleteLinkRequest(inner: Internals, index: number, subject: string): Request {
  return {
    name: 'RTM_DELLINK',
    type: RTM.DELLINK,
    flags: 0,
    codec,
    body: () => {
      forgetNames(inner);
      return { index };
    },
    subject,
    explain: (error) => explainLink(error.code === 'EOPNOTSUPP' ? withDetails(error, STAYS) : error),
  };
}

const STAYS: ErrorDetails = {
  hint: "Only virtual links can be deleted: hardware cannot, and 'lo' goes with its namespace",
};

export const NEEDS_NET_ADMIN: ErrorDetails = {
  hint: 'This needs CAP_NET_ADMIN in the user namespace that owns the network namespace (for two ends, in both)',
};

/** For a name that was asked for: what has it. */
export function nameInUse(...subjects: string[]): string {
  const all = subjects.map((subject) => `a ${subject}`).join(' and ');
  return `There is ${all} already: choose another name, or delete() it first`;
}

/** EEXIST, with what has the name. */
export function explainTaken(error: NsnetError, hint: string): NsnetError {
  return error.code === 'EEXIST' ? withDetails(error, { hint }) : error;
}

/** What is known of the causes of refusals. */
export function explainLink(error: NsnetError): NsnetError {
  const hints: Record<string, ErrorDetails> = {
    EPERM: NEEDS_NET_ADMIN,
    EOPNOTSUPP: {
      hint: 'This kernel has no such kind of link, or the kind cannot do this, or `master` is no bridge',
    },
    EADDRNOTAVAIL: {
      hint: "A link's `mac` must be unicast: its first byte even, and not all zeros, as in '02:00:00:00:00:01'",
    },
    EBUSY: { hint: 'Before Linux 6.2 a link is only renamed while it is down' },
    ENODEV: { hint: 'The link, its master or its namespace is gone' },
  };
  const details = hints[error.code];
  return details ? withDetails(error, details) : error;
}
