// 100,000 /32 routes in a fresh namespace: one by one, 64 a send with an ack each, 64 a send with one ack.
#define _GNU_SOURCE
#include "messages.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint32_t destination(int i) { return ipv4(10, i >> 16, i >> 8 & 255, i & 255); }

static int64_t add_all(int per_send, bool ack_each) {
  static struct batch b;
  new_namespace();
  int fd = netlink_socket();
  link_up(&b, LOOPBACK);
  exchange(fd, &b);

  int64_t start = now();
  for (int i = 0; i < ROUTES; i += per_send) {
    int end = i + per_send < ROUTES ? i + per_send : ROUTES;
    for (int j = i; j < end; j++) {
      route_add(&b, ack_each || j == end - 1 ? NLM_F_ACK : 0, destination(j), 32, 0, LOOPBACK);
    }
    exchange(fd, &b);
  }
  int64_t took = now() - start;
  close(fd);
  return took;
}

int routes(const char* way) {
  int per_send = strcmp(way, "one") ? PER_SEND : 1;
  bool ack_each = strcmp(way, "last") != 0;
  int64_t first = add_all(per_send, ack_each);
  pause_ms(500);
  int64_t again = add_all(per_send, ack_each);
  printf("{\"first\": %ld, \"again\": %ld}\n", (long)first, (long)again);
  return 0;
}
