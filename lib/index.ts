export { type Check, type Diagnosis, doctor } from './doctor.js';
export { Handle } from './handles/handle.js';
export { type Call, Listing } from './handles/listing.js';
export { Scope } from './handles/scope.js';
export type { Change, View, WatchOptions } from './handles/view.js';
export type { Address, AddressSpec } from './links/addresses.js';
export { Bridge, type BridgeOptions } from './links/bridge.js';
export { Link, type LinkChanges, type MoveOptions } from './links/link.js';
export { OtherLink } from './links/other.js';
export type { LinkFilter } from './links/read.js';
export type { LinkInfo, LinkKinds, LinkOptions, LinkRef, LinkStats } from './links/types.js';
export { Veth, VethPair } from './links/veth.js';
export { BindMount, type BindOptions } from './mounts/bind.js';
export type { LayerChange } from './mounts/changes.js';
export type { MountFilter } from './mounts/filter.js';
export type { MountFlags, Propagation } from './mounts/flags.js';
export { type ImageFilesystem, ImageMount, type ImageOptions } from './mounts/image.js';
export type { MountInfo, MountOptions } from './mounts/info.js';
export {
  type KernelFilesystem,
  KernelMount,
  type KernelMountOptions,
} from './mounts/kernel-mount.js';
export { type AttachOptions, type DetachOptions, Mount } from './mounts/mount.js';
export { MountNamespace } from './mounts/mount-namespace.js';
export { type Mounts, mounts } from './mounts/mounts.js';
export { OverlayMount, type OverlayOptions } from './mounts/overlay.js';
export { RootTree, type RootTreeOptions } from './mounts/root-tree.js';
export type { Size } from './mounts/size.js';
export { Tmpfs, type TmpfsOptions } from './mounts/tmpfs.js';
export {
  Namespace,
  type NamespaceInfo,
  type NamespaceSource,
  type NamespaceType,
} from './namespaces/namespace.js';
export type { Family } from './netlink/addresses.js';
export type { Addresses, AddressFilter } from './netns/addresses.js';
export type { Collection } from './netns/collection.js';
export type { NetnsOptions } from './netns/create.js';
export type { AnyLink, Links } from './netns/links.js';
export { Netns } from './netns/netns.js';
export type { Route, RouteSpec } from './netns/route.js';
export type { RouteFilter, Routes } from './netns/routes.js';
export type { Echo, PingOptions, PingRun, PingSummary } from './sockets/ping.js';
export { NsnetError } from './syscalls/errors.js';
export type {
  CopySource,
  CopyUpOptions,
  VolumeAccess,
  VolumeDriver,
  VolumeInfo,
  VolumeSpec,
  VolumeUser,
} from './volumes/driver.js';
export type { VolumeUse } from './volumes/use.js';
export { type UseOptions, Volume, type VolumeOptions, type VolumePlace } from './volumes/volume.js';
