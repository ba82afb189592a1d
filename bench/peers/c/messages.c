#include "messages.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <sys/socket.h>

static const uint16_t CREATE = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;

uint32_t ipv4(int a, int b, int c, int d) {
  return htonl((uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | (uint32_t)d);
}

static struct ifinfomsg link_header(int index, bool up) {
  struct ifinfomsg header = {.ifi_index = index};
  if (up) header.ifi_flags = header.ifi_change = IFF_UP;
  return header;
}

void link_up(struct batch* b, int index) {
  struct ifinfomsg header = link_header(index, true);
  message(b, RTM_NEWLINK, NLM_F_ACK, &header, sizeof header);
}

void link_group_delete(struct batch* b, uint32_t group) {
  struct ifinfomsg header = link_header(0, false);
  message(b, RTM_DELLINK, NLM_F_ACK, &header, sizeof header);
  attribute_u32(b, IFLA_GROUP, group);
}

void bridge_create(struct batch* b, int index, const char* name) {
  struct ifinfomsg header = link_header(index, true);
  message(b, RTM_NEWLINK, CREATE, &header, sizeof header);
  attribute_text(b, IFLA_IFNAME, name);
  size_t info = nest(b, IFLA_LINKINFO);
  attribute_text(b, IFLA_INFO_KIND, "bridge");
  unnest(b, info);
}

static void end_attributes(struct batch* b, const struct end* end) {
  attribute_text(b, IFLA_IFNAME, end->name);
  if (end->namespace_ >= 0) attribute_u32(b, IFLA_NET_NS_FD, (uint32_t)end->namespace_);
  if (end->master) attribute_u32(b, IFLA_MASTER, (uint32_t)end->master);
  if (end->group) attribute_u32(b, IFLA_GROUP, (uint32_t)end->group);
}

void veth_create(struct batch* b, const struct end* here, const struct end* there) {
  struct ifinfomsg header = link_header(here->index, here->up);
  struct ifinfomsg peer_header = link_header(there->index, there->up);
  message(b, RTM_NEWLINK, CREATE, &header, sizeof header);
  end_attributes(b, here);
  size_t info = nest(b, IFLA_LINKINFO);
  attribute_text(b, IFLA_INFO_KIND, "veth");
  size_t data = nest(b, IFLA_INFO_DATA);
  size_t peer = nest(b, VETH_INFO_PEER);
  append(b, &peer_header, sizeof peer_header);
  end_attributes(b, there);
  unnest(b, peer);
  unnest(b, data);
  unnest(b, info);
}

void address_add(struct batch* b, int index, uint32_t address, int prefix) {
  struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_index = index};
  uint32_t mask = prefix ? htonl(~0u << (32 - prefix)) : 0;
  message(b, RTM_NEWADDR, CREATE, &header, sizeof header);
  attribute_u32(b, IFA_LOCAL, address);
  attribute_u32(b, IFA_ADDRESS, address);
  attribute_u32(b, IFA_BROADCAST, address | ~mask);
}

void route_add(struct batch* b, uint16_t ack, uint32_t destination, int prefix, uint32_t gateway, int device) {
  struct rtmsg header = {.rtm_family = AF_INET,
                         .rtm_dst_len = prefix,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST};
  message(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | ack, &header, sizeof header);
  if (prefix) attribute_u32(b, RTA_DST, destination);
  if (gateway) attribute_u32(b, RTA_GATEWAY, gateway);
  attribute_u32(b, RTA_OIF, (uint32_t)device);
}
