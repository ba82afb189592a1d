/** Numbers of linux/netfilter/nfnetlink.h and nf_tables.h, grouped by prefix. */

/** NFNL_SUBSYS_NFTABLES: the upper half of a message's type. */
export const NFNL_SUBSYS_NFTABLES = 10;

/** NFNL_MSG_BATCH_*: types of their own, of no subsystem. */
export const NFNL_MSG_BATCH = { BEGIN: 0x10, END: 0x11 } as const;

/** The multicast group of changes, NFNLGRP_NFTABLES. */
export const NFNLGRP_NFTABLES = 7;

const of = (message: number) => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** nlmsg_type of NFT_MSG_*. */
export const NFT_MSG = {
  NEWTABLE: of(0),
  GETTABLE: of(1),
  DELTABLE: of(2),
  NEWCHAIN: of(3),
  GETCHAIN: of(4),
  DELCHAIN: of(5),
  NEWRULE: of(6),
  GETRULE: of(7),
  DELRULE: of(8),
  NEWSET: of(9),
  GETSET: of(10),
  DELSET: of(11),
  NEWSETELEM: of(12),
  GETSETELEM: of(13),
  DELSETELEM: of(14),
  NEWGEN: of(15),
  GETGEN: of(16),
  TRACE: of(17),
  NEWOBJ: of(18),
  GETOBJ: of(19),
  DELOBJ: of(20),
  GETOBJ_RESET: of(21),
  NEWFLOWTABLE: of(22),
  GETFLOWTABLE: of(23),
  DELFLOWTABLE: of(24),
  /** These since Linux 6.3: no error where there is nothing. */
  DESTROYTABLE: of(26),
  DESTROYCHAIN: of(27),
  DESTROYRULE: of(28),
  DESTROYSET: of(29),
  DESTROYSETELEM: of(30),
  DESTROYOBJ: of(31),
  DESTROYFLOWTABLE: of(32),
} as const;

/** NFPROTO_*. */
export const NFPROTO = { unspec: 0, inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

/** Of an interface: NFT_TABLE_F_*. */
export const TABLE_FLAGS = { dormant: 1, owner: 2, persist: 4 } as const;
/** NFT_CHAIN_*. */
export const CHAIN_FLAGS = { base: 1, offload: 2, binding: 4 } as const;
/** NFT_SET_*. */
export const SET_FLAGS = {
  anonymous: 1,
  constant: 2,
  interval: 4,
  map: 8,
  timeout: 0x10,
  dynamic: 0x20,
  object: 0x40,
  concat: 0x80,
  expr: 0x100,
} as const;
/** NFT_SET_ELEM_*. */
export const ELEMENT_FLAGS = { intervalEnd: 1, catchAll: 2 } as const;

/** NFT_OBJECT_*. */
export const OBJECT_TYPES = {
  counter: 1,
  quota: 2,
  'ct helper': 3,
  limit: 4,
  connlimit: 5,
  tunnel: 6,
  'ct timeout': 7,
  secmark: 8,
  'ct expectation': 9,
  synproxy: 10,
} as const;

/** NFT_DATA_VERDICT, in the place of a data type. */
export const DATA_VERDICT = 0xffffff00;
