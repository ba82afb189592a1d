import type { NsnetError } from '../syscalls/errors.js';
import { systemError } from '../syscalls/errors.js';

/** What sendto(2) says and what to do about it, where the kernel's words do not tell. */
const HINTS: Readonly<Record<number, string>> = {
  [-1]: 'A firewall rule of that namespace forbids it',
  [-13]: 'It is a broadcast address, or a route of type prohibit covers it',
  [-19]: 'The device is gone',
  [-22]: 'A route of type blackhole may cover it',
  [-99]:
    'There is no address to send from. A new IPv6 address is tentative for some 2 seconds: await link.ready()',
  [-100]: 'The link is down',
  [-101]: 'There is no route to it. See netns.routes, and whether the link is up',
  [-113]: 'A route of type unreachable covers it',
};

/** EAGAIN, ENOMEM, ENOBUFS: there is no room just now. */
export function isPassing(errno: number): boolean {
  return errno === -11 || errno === -12 || errno === -105;
}

/** An echo request could not be sent. */
export function sendError(errno: number, subject: string): NsnetError {
  return systemError(errno, 'sendto', { subject, hint: HINTS[errno] });
}

/** The source address could not be taken. */
export function bindError(errno: number, subject: string, source: string): NsnetError {
  const hint =
    errno === -99
      ? `${source} is no address of that namespace, or still tentative (IPv6: await link.ready())`
      : undefined;
  return systemError(errno, 'bind', { subject, hint });
}
