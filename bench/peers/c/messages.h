// The requests the scenarios are made of.
#pragma once
#include "netlink.h"

// Indexes: chosen, so that no reply must be read for them. Of a pair, choose both or none: the far end's
// choice is ignored without the near one's.
enum { LOOPBACK = 1, BRIDGE = 1000, ETH0 = 1000, PORT0 = 2000 };

uint32_t ipv4(int a, int b, int c, int d);  // in network order
void link_up(struct batch* b, int index);
void link_group_delete(struct batch* b, uint32_t group);
void bridge_create(struct batch* b, int index, const char* name);  // up
void address_add(struct batch* b, int index, uint32_t address, int prefix);
void route_add(struct batch* b, uint16_t ack, uint32_t destination, int prefix, uint32_t gateway, int device);

struct end {
  const char* name;
  int index;       // 0: the kernel's choice
  int namespace_;  // its descriptor; -1: the socket's own
  int master;      // 0: none
  int group;       // 0: the default one
  bool up;         // not for the far end of a pair being made: ENOTCONN
};
void veth_create(struct batch* b, const struct end* here, const struct end* there);
