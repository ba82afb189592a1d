import { type ErrorDetails, type NsnetError, withDetails } from '../syscalls/errors.js';
import { checkedFd } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';

/**
 * A descriptor of the user namespace that owns every network namespace this process makes without privileges. There
 * is one for the process, shared by its Workers: a veth between namespaces of two user namespaces that are not
 * ancestors of one another is refused (EPERM, found on 6.18). What nsnet spawns runs in one nested inside.
 */
export async function sharedUserNamespace(): Promise<Fd> {
  try {
    return checkedFd(await native().sharedUser(), 'unshare', { subject: "this process's user namespace" });
  } catch (error) {
    throw withDetails(error as NsnetError, { hint: hintFor(error as NsnetError) });
  }
}

function hintFor({ code }: NsnetError): ErrorDetails['hint'] {
  if (code === 'ENOSPC' || code === 'EUSERS') {
    return 'User namespaces are off or used up: see sysctl user.max_user_namespaces';
  }
  if (code === 'EPERM' || code === 'EACCES' || code === 'ECANCELED') {
    return "User namespaces are forbidden to this process: 'npx nsnet doctor' finds out by what, and says the cure";
  }
  return undefined;
}
