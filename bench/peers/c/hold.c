// A bad neighbour: in a namespace of its own, makes links and deletes them all in one request, which holds
// the kernel's rtnl lock for its whole length. Says "ready", goes on until its standard input ends, then says
// how long the lock was held at most.
#define _GNU_SOURCE
#include "messages.h"
#include "peer.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { PAIRS = 150, GROUP = 7 };

static bool told_to_stop(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&input, 1, 0) > 0;
}

int hold(void) {
  static struct batch b;
  new_namespace();
  int fd = netlink_socket();
  int64_t longest = 0;
  long rounds = 0;
  while (!told_to_stop()) {
    for (int i = 0; i < PAIRS; i++) {
      char names[2][16];
      snprintf(names[0], sizeof names[0], "a%d", i);
      snprintf(names[1], sizeof names[1], "b%d", i);
      struct end here = {.name = names[0], .namespace_ = -1, .group = GROUP, .up = true};
      struct end there = {.name = names[1], .namespace_ = -1, .group = GROUP};
      veth_create(&b, &here, &there);
      exchange(fd, &b);
    }
    int64_t start = now();
    link_group_delete(&b, GROUP);
    exchange(fd, &b);
    int64_t took = now() - start;
    if (took > longest) longest = took;
    if (++rounds == 1) {
      printf("ready\n");
      fflush(stdout);
    }
  }
  printf("{\"rounds\": %ld, \"longest\": %ld}\n", rounds, (long)longest);
  return 0;
}
