// Two namespaces and a cable: each end made in its place, with an address, up.
#define _GNU_SOURCE
#include "messages.h"
#include "peer.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

struct lab {
  int sockets[2], namespaces[2];
};

static void set_up(struct lab* lab, int home) {
  static struct batch b;
  for (int i = 0; i < 2; i++) {
    new_namespace();
    lab->sockets[i] = netlink_socket();
    lab->namespaces[i] = namespace_fd();
  }
  if (setns(home, CLONE_NEWNET)) fail("setns");
  struct end here = {.name = "veth-test1", .index = ETH0, .namespace_ = -1, .up = true};
  struct end there = {.name = "veth-test2", .index = ETH0, .namespace_ = lab->namespaces[1]};
  veth_create(&b, &here, &there);
  address_add(&b, ETH0, ipv4(192, 168, 1, 1), 24);
  exchange(lab->sockets[0], &b);
  address_add(&b, ETH0, ipv4(192, 168, 1, 2), 24);
  link_up(&b, ETH0);
  exchange(lab->sockets[1], &b);
}

static void tear_down(struct lab* lab) {
  for (int i = 0; i < 2; i++) {
    close(lab->sockets[i]);
    close(lab->namespaces[i]);
  }
}

int lab(void) {
  int64_t ups[AGAIN + 1], downs[AGAIN + 1];
  int home = namespace_fd();
  for (int i = 0; i <= AGAIN; i++) {
    struct lab lab;
    int64_t start = now();
    set_up(&lab, home);
    int64_t between = now();
    tear_down(&lab);
    ups[i] = between - start;
    downs[i] = now() - between;
    pause_ms(100);
  }
  int64_t first = ups[0];
  printf("{\"first\": %ld, \"again\": %ld, \"teardown\": %ld}\n", (long)first, (long)median(ups + 1, AGAIN),
         (long)median(downs + 1, AGAIN));
  return 0;
}
