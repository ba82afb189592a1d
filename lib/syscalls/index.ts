/**
 * The system calls themselves, for those who want them. No call moves a thread of Node's: each says which namespaces
 * it runs inside, does so in an excursion off the event loop, and hands back plain O_CLOEXEC descriptors, which are
 * the caller's to close. These may change in a minor release.
 */
export {
  close,
  type MountArguments,
  mount,
  type NamespaceFacts,
  namespaceFacts,
  namespaceOwner,
  namespaceParent,
  open,
  pidfdOpen,
  socket,
  umount,
  unshare,
} from './calls.js';
export { errnoName, errnoOf, errnoText } from './errno.js';
export { NsnetError } from './errors.js';
export { CLONE, type NamespaceType } from './excursion.js';
export type { Descriptor, NamespaceFd, Namespaces, Options } from './inside.js';
export {
  type AtOptions,
  FSCONFIG,
  type FsconfigArguments,
  fsconfig,
  fsmount,
  fsopen,
  fspick,
  type MountAttributes,
  type MoveMountArguments,
  mountSetattr,
  moveMount,
  type Openat2Options,
  openat2,
  openTree,
  pivotRoot,
} from './mount-calls.js';
