import type { Call } from '../handles/listing.js';
import { privileged } from '../namespaces/credentials.js';
import { checkNetnsName, label, pin } from '../namespaces/names.js';
import { Namespace } from '../namespaces/namespace.js';
import { ownNamespaceId } from '../namespaces/own.js';
import { sharedUserNamespace } from '../namespaces/rootless.js';
import { NETLINK } from '../netlink/constants.js';
import { configureNetlink, netlinkSocket } from '../netlink/socket.js';
import { closedError, type NsnetError, systemError } from '../syscalls/errors.js';
import { CLONE, isFailure } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { type Entries, native } from '../syscalls/native.js';
import { checkBoolean, checkKeys, checkObject, checkSignal, invalidType } from '../syscalls/validate.js';

export interface NetnsOptions extends Call {
  /**
   * With privileges: pinned as /run/netns/<name>, as `ip netns add` does. Rootless: a label that this process (all
   * its Workers) knows it by. Without a name it is anonymous, and gone when nothing holds it.
   */
  name?: string;
  /** Sets lo up. Default true. */
  loopback?: boolean;
  /**
   * The user namespace that is to own it: another process's or container's, which is the only way to run a cable to
   * there without privileges. Default: this process's own.
   */
  user?: Namespace;
}

/** What a new network namespace consists of. */
export interface Made {
  namespace: Fd;
  route: Fd;
  name?: string;
  path?: string;
}

export function checkNetnsOptions(options: string | NetnsOptions): NetnsOptions {
  const given = typeof options === 'string' ? { name: options } : options;
  checkObject('options', given);
  checkKeys('options', given, ['name', 'loopback', 'user', 'signal']);
  if (given.name !== undefined) checkNetnsName(given.name);
  if (given.loopback !== undefined) checkBoolean('loopback', given.loopback);
  if (given.user !== undefined && !(given.user instanceof Namespace && given.user.type === 'user')) {
    throw invalidType('user', 'a Namespace of type user', given.user);
  }
  checkSignal(given.signal);
  return given;
}

/** A new network namespace with its netlink socket and lo up, made in one excursion; named if asked for, or nothing at all. */
export async function makeNetns({ name, loopback = true, user, signal }: NetnsOptions): Promise<Made> {
  const { entries, ownMemory, pins, close } = await ownerOf(user);
  try {
    const made = await native().unshare(
      entries,
      ownMemory,
      CLONE.net,
      ['net'],
      netlinkSocket(NETLINK.ROUTE),
      loopback,
    );
    if (isFailure(made)) {
      const hint = made.errno === -28 ? 'See sysctl user.max_net_namespaces' : undefined;
      throw systemError(made.errno, made.syscall, {
        subject: name ? `netns '${name}'` : 'a new netns',
        hint,
      });
    }
    const [namespace, route] = made.map((fd) => new Fd(fd)) as [Fd, Fd];
    try {
      configureNetlink(route);
      const path = name === undefined ? undefined : await nameIt(name, namespace, pins, signal);
      return { namespace, route, name, path };
    } catch (error) {
      await Promise.all([namespace.close(), route.close()]);
      throw error;
    }
  } finally {
    await close();
  }
}

async function nameIt(
  name: string,
  namespace: Fd,
  pins: boolean,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (pins) return pin(name, namespace, signal);
  label(name, namespace);
  return undefined;
}

interface Owner {
  entries: Entries;
  ownMemory: boolean;
  /** Whether a name is pinned, rather than a label. */
  pins: boolean;
  close(): Promise<void>;
}

async function ownerOf(user: Namespace | undefined): Promise<Owner> {
  const pins = privileged();
  const nothing = { entries: [], ownMemory: false, pins, close: async () => {} };
  if (user === undefined || user.id === ownNamespaceId('user')) {
    if (pins) return nothing;
    if (user !== undefined) throw ownerNeedsPrivileges();
    const shared = await sharedUserNamespace();
    return { entries: [shared.native, CLONE.user], ownMemory: true, pins, close: () => shared.close() };
  }
  if (user.closed) throw closedError(user.toString());
  const held = Fd.duplicate(user.fd);
  return { entries: [held.native, CLONE.user], ownMemory: true, pins, close: () => held.close() };
}

function ownerNeedsPrivileges(): NsnetError {
  return systemError(-1, 'unshare', {
    hint: "In this process's own user namespace that needs CAP_SYS_ADMIN",
  });
}
