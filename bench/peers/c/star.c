// A hundred namespaces on one bridge in a router namespace. The router's socket makes both ends of each veth:
// the port enslaved and up, eth0 in its destination. One send per spoke does the rest.
#define _GNU_SOURCE
#include "messages.h"
#include "peer.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { PER_ROUTER_SEND = 32 };

struct place {
  int socket, namespace_;
};

static struct place create_namespace(void) {
  new_namespace();
  struct place place = {netlink_socket(), namespace_fd()};
  return place;
}

static void set_up(struct place* router, struct place* spokes, int home) {
  static struct batch b;
  *router = create_namespace();
  for (int i = 0; i < SPOKES; i++) spokes[i] = create_namespace();
  if (setns(home, CLONE_NEWNET)) fail("setns");

  link_up(&b, LOOPBACK);
  bridge_create(&b, BRIDGE, "br0");
  address_add(&b, BRIDGE, ipv4(10, 0, 0, 1), 16);
  exchange(router->socket, &b);
  for (int i = 0; i < SPOKES; i++) {
    char name[16];
    snprintf(name, sizeof name, "port%d", i);
    struct end port = {.name = name, .index = PORT0 + i, .namespace_ = -1, .master = BRIDGE, .up = true};
    struct end eth0 = {.name = "eth0", .index = ETH0, .namespace_ = spokes[i].namespace_};
    veth_create(&b, &port, &eth0);
    if (b.acks == PER_ROUTER_SEND || i == SPOKES - 1) exchange(router->socket, &b);
  }
  for (int i = 0; i < SPOKES; i++) {
    link_up(&b, LOOPBACK);
    link_up(&b, ETH0);
    address_add(&b, ETH0, ipv4(10, 0, 1, i + 1), 16);
    route_add(&b, NLM_F_ACK, 0, 0, ipv4(10, 0, 0, 1), ETH0);
    exchange(spokes[i].socket, &b);
  }
}

static void tear_down(const struct place* places, int count) {
  for (int i = 0; i < count; i++) {
    close(places[i].socket);
    close(places[i].namespace_);
  }
}

int star(void) {
  static struct place spokes[SPOKES];
  struct place router;
  int64_t ups[2], downs[2];
  int home = namespace_fd();
  for (int i = 0; i < 2; i++) {
    int64_t start = now();
    set_up(&router, spokes, home);
    int64_t between = now();
    tear_down(spokes, SPOKES);
    tear_down(&router, 1);
    ups[i] = between - start;
    downs[i] = now() - between;
    pause_ms(500);
  }
  printf("{\"first\": %ld, \"again\": %ld, \"teardown\": %ld}\n", (long)ups[0], (long)ups[1], (long)downs[1]);
  return 0;
}
