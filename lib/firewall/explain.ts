import type { NsnetError } from '../syscalls/errors.js';
import type { Change } from './changes.js';

const PARENT = {
  table: 'There is no such table',
  chain: 'There is no such chain, or its table is not there',
  rule: 'Its table or chain is not there, or a chain, set or object that it names, or this kernel lacks an expression of it',
  set: 'There is no such set, or its table is not there',
  elements: 'Its set is not there, or an element, or a chain or object that one names',
  object: 'There is no such object, or its table is not there',
  flowtable: 'There is no such flowtable, or its table or device is not there',
} as const;

function hint({ code }: NsnetError, change: Change | undefined): string | undefined {
  const what = change?.what;
  switch (code) {
    case 'ERESTART':
      return 'The ruleset is of another generation than the one given: read it again';
    case 'EMSGSIZE':
      return 'The changes are larger than what the socket may send at once (net.core.wmem_max where CAP_NET_ADMIN of the initial user namespace is lacking): apply them in parts';
    case 'EPERM':
      return what === undefined
        ? 'Changing a ruleset needs CAP_NET_ADMIN in the user namespace that owns the network namespace'
        : 'The table belongs to another socket: only that changes it, and it goes with it';
    case 'ENOENT':
      return what && PARENT[what];
    case 'EEXIST':
      return what === 'chain'
        ? 'There is such a chain already, perhaps of another type, hook or priority'
        : what === 'elements'
          ? 'An element is there already, with another value perhaps, or overlaps one that is'
          : 'It is there already, perhaps otherwise';
    case 'EBUSY':
      return what === 'chain' || what === 'set' || what === 'object'
        ? 'A rule or element still uses it'
        : 'It is still in use';
    case 'EOPNOTSUPP':
      return what === 'rule'
        ? 'This kernel does not know one of the expressions, or not there'
        : what === undefined
          ? 'This kernel has no nftables'
          : 'This kernel cannot do this, or not there';
    case 'EINVAL':
      return change?.op === 'destroy' ? 'NFT_MSG_DESTROY… needs Linux 6.3' : undefined;
    default:
      return undefined;
  }
}

/** What is known of the cause. */
export function explain(error: NsnetError, change: Change | undefined): NsnetError {
  const text = hint(error, change);
  return text === undefined ? error : error.with({ hint: text });
}
