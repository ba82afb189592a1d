// What `ip` and other programs of this machine say about a namespace of ours, and what they do to it.
import type { Netns } from 'nsnet';
import { privileged } from '../../support/privileges.js';
import { run, runInside } from '../../support/witness.js';

/** The standard output of a program that is run inside `netns`. */
export async function runIn(netns: Netns, file: string, ...args: string[]): Promise<string> {
  if (privileged) return runInside({ netnsFd: netns.fd }, file, ...args);
  await using owner = await netns.owner();
  return await runInside({ netnsFd: netns.fd, userFd: owner.fd }, file, ...args);
}

// biome-ignore lint/suspicious/noExplicitAny: ip's output is as it is, and tests reach into it
export type Printed = Record<string, any>;

/** Reads what `ip -j` printed; it prints nothing where it has nothing to list. */
export function parsed(text: string): Printed[] {
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** `ip -j -d …` inside. */
export async function ipIn(netns: Netns, ...args: string[]): Promise<Printed[]> {
  return parsed(await runIn(netns, 'ip', '-j', '-d', ...args));
}

/** Lines of a shell script that is run inside; the first that fails ends it. */
export function shellIn(netns: Netns, script: string): Promise<string> {
  return runIn(netns, 'sh', '-e', '-c', script);
}

/**
 * A shell script in a world of its own: an empty /run/netns, a network namespace with nothing but lo, and all
 * privileges over these. It works as an ordinary user, too, and nothing is left of it.
 */
export function byHand(script: string): Promise<string> {
  const own = privileged ? [] : ['--user', '--map-root-user'];
  const begin = 'mount -t tmpfs tmpfs /run; mkdir /run/netns';
  return run('unshare', [...own, '--mount', '--net', 'sh', '-e', '-c', `${begin}\n${script}`]);
}
