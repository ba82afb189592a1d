export type { BpfInstruction } from './bpf/assembler.js';
export {
  type Arp,
  type Capture,
  type CaptureOptions,
  type CaptureStats,
  type Decoded,
  decode,
  type Ethernet,
  FilterError,
  type Icmp,
  type Icmpv6,
  type Ipv4,
  type Ipv6,
  type Ipv6Extension,
  type Layer,
  type LinkType,
  Packet,
  type PacketData,
  type SequenceOptions,
  sequenceDiagram,
  type Tcp,
  type TcpFlags,
  type TcpOptions,
  type Udp,
  type VlanTag,
} from './capture/index.js';
export type { Conntrack } from './conntrack/conntrack.js';
export type { ConntrackStatus } from './conntrack/constants.js';
export type { ConntrackEntry, ConntrackTuple } from './conntrack/entry.js';
export type { ConntrackFilter } from './conntrack/filter.js';
export { type Check, type Diagnosis, doctor } from './doctor.js';
export type { Applied, ApplyOptions } from './firewall/apply.js';
export {
  type Change as NftablesChange,
  Changes,
  type ElementsOf,
} from './firewall/changes.js';
export type { NftablesEvent } from './firewall/events.js';
export { nft } from './firewall/nft.js';
export { Nftables } from './firewall/nftables.js';
export type { ChainRef, ObjectRef, RuleRef, SetRef, TableRef } from './firewall/refs.js';
export { NftablesSession } from './firewall/session.js';
export type {
  AnonymousSet,
  Chain,
  Expression,
  Flowtable,
  Key,
  NftObject,
  NftSet,
  Rule,
  RuleSpec,
  Ruleset,
  SetElement,
  SetType,
  Table,
  TableFamily,
  Verdict,
} from './firewall/types.js';
export type { NftablesTransaction, NftablesWatch } from './firewall/watch.js';
export { Handle } from './handles/handle.js';
export { type Call, Listing } from './handles/listing.js';
export { Scope } from './handles/scope.js';
export type { Change, View, WatchOptions } from './handles/view.js';
export type { Address, AddressSpec } from './links/addresses.js';
export { Bridge, type BridgeOptions } from './links/bridge.js';
export type { BridgePort, BridgePortState } from './links/bridge-port.js';
export { Link, type LinkChanges, type MoveOptions } from './links/link.js';
export { OtherLink } from './links/other.js';
export type { LinkFilter } from './links/read.js';
export type { LinkInfo, LinkKinds, LinkOptions, LinkRef, LinkStats } from './links/types.js';
export { Veth, VethPair } from './links/veth.js';
export { Vxlan, type VxlanOptions } from './links/vxlan.js';
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
export type { LookupHook, NetnsLookupOptions } from './names/hook.js';
export type { ResolvedRecords, ResolvedType } from './names/record.js';
export {
  Namespace,
  type NamespaceInfo,
  type NamespaceSource,
  type NamespaceType,
  type NamespaceWatchOptions,
} from './namespaces/namespace.js';
export type { Family } from './netlink/addresses.js';
export type { Addresses, AddressFilter } from './netns/addresses.js';
export type { Collection } from './netns/collection.js';
export type { NetnsOptions } from './netns/create.js';
export type { Fdb, FdbFilter } from './netns/fdb.js';
export type { FdbEntry, FdbSpec, FdbState } from './netns/fdb-entry.js';
export type { AnyLink, Links } from './netns/links.js';
export type { Neighbour, NeighbourSpec, NeighbourState } from './netns/neighbour.js';
export type { NeighbourFilter, Neighbours } from './netns/neighbours.js';
export { Netns } from './netns/netns.js';
export type { Route, RouteSpec } from './netns/route.js';
export type { RouteFilter, Routes } from './netns/routes.js';
export { Endpoint } from './networks/endpoint.js';
export type { ConnectToOptions } from './networks/endpoint-options.js';
export type { Collected } from './networks/gc.js';
export type { EndpointInfo, NetworkInfo } from './networks/info.js';
export type { NetworkMode, SandboxOptions } from './networks/mode.js';
export { Network } from './networks/network.js';
export type { GatewayMode, NetworkOptions, NetworkPlace } from './networks/options.js';
export type { Published, PublishedProtocol, PublishedSpec } from './networks/published.js';
export { NetworkSandbox } from './networks/sandbox.js';
export type { NetworkTarget } from './networks/target.js';
export type { Capability } from './processes/capabilities.js';
export { Cgroup, type CgroupData, type ProcessRef } from './processes/cgroups/cgroup.js';
export type { CgroupEvent } from './processes/cgroups/events.js';
export type { IoLimits, Limits } from './processes/cgroups/limits.js';
export type { CgroupStats, IoStats } from './processes/cgroups/stats.js';
export { type PipedProcess, Process } from './processes/process.js';
export { RunError, type RunOptions, type RunResult, run } from './processes/run.js';
export type {
  SeccompAction,
  SeccompArg,
  SeccompCondition,
  SeccompFlag,
  SeccompOperator,
  SeccompProfile,
  SeccompRule,
} from './processes/seccomp/types.js';
export { spawn } from './processes/spawn.js';
export type { Terminal } from './processes/terminal.js';
export type {
  CapabilitySets,
  ContainerRoot,
  Exit,
  IdRange,
  ProcessNamespace,
  ProcessNamespaces,
  Resource,
  RootMount,
  SpawnOptions,
  Stdio,
  StdioItem,
} from './processes/types.js';
export type { ConnectOptions } from './sockets/connect.js';
export type { DatagramOptions, GroupOption, MulticastOptions } from './sockets/datagram.js';
export type { NetnsFetch } from './sockets/fetch.js';
export type { PacketType } from './sockets/link-address.js';
export type { ListenOptions } from './sockets/listen.js';
export type { Listener } from './sockets/listener.js';
export type { PacketOptions } from './sockets/packet.js';
export type { PacketDestination, PacketMessage, PacketSocket } from './sockets/packet-socket.js';
export type { Echo, PingOptions, PingRun, PingSummary, UnreachableReason } from './sockets/ping.js';
export type { IpProtocol } from './sockets/protocols.js';
export type { RawOptions } from './sockets/raw.js';
export type { RawMessage, RawSocket } from './sockets/raw-socket.js';
export type { Hop, Probe, TracerouteOptions, TracerouteRun } from './sockets/traceroute.js';
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
