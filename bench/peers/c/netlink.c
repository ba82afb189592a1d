#define _GNU_SOURCE
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void failed(const char* what, int error) {
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

void fail(const char* what) { failed(what, errno); }

int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int netlink_socket(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) fail("socket");
  int on = 1;
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return fd;
}

void append(struct batch* b, const void* bytes, size_t size) {
  size_t padded = NLMSG_ALIGN(size);
  if (b->length + padded > sizeof b->data) failed("batch", ENOBUFS);
  memcpy(b->data + b->length, bytes, size);
  memset(b->data + b->length + size, 0, padded - size);
  b->length += padded;
  ((struct nlmsghdr*)(b->data + b->start))->nlmsg_len = b->length - b->start;
}

void message(struct batch* b, uint16_t type, uint16_t flags, const void* header, size_t size) {
  struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++b->sequence};
  b->start = b->length;
  append(b, &h, sizeof h);
  append(b, header, size);
  if (flags & NLM_F_ACK) b->acks++;
}

void attribute(struct batch* b, uint16_t type, const void* value, size_t size) {
  struct rtattr a = {.rta_type = type, .rta_len = RTA_LENGTH(size)};
  append(b, &a, sizeof a);
  append(b, value, size);
}

void attribute_u32(struct batch* b, uint16_t type, uint32_t value) { attribute(b, type, &value, sizeof value); }

void attribute_text(struct batch* b, uint16_t type, const char* value) { attribute(b, type, value, strlen(value) + 1); }

size_t nest(struct batch* b, uint16_t type) {
  size_t at = b->length;
  struct rtattr a = {.rta_type = type | NLA_F_NESTED};
  append(b, &a, sizeof a);
  return at;
}

void unnest(struct batch* b, size_t at) { ((struct rtattr*)(b->data + at))->rta_len = b->length - at; }

void exchange(int fd, struct batch* b) {
  char replies[8192];
  if (send(fd, b->data, b->length, 0) < 0) fail("send");
  while (b->acks > 0) {
    ssize_t size = recv(fd, replies, sizeof replies, 0);
    if (size < 0) fail("recv");
    for (struct nlmsghdr* h = (void*)replies; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size)) {
      if (h->nlmsg_type != NLMSG_ERROR) continue;
      struct nlmsgerr* e = NLMSG_DATA(h);
      if (e->error) failed("request refused", -e->error);
      b->acks--;
    }
  }
  b->length = 0;
}

void dump(int fd, uint16_t type, const void* header, size_t size, void (*each)(const struct nlmsghdr*)) {
  static char replies[64 * 1024];
  static struct batch request;
  request.length = 0;
  message(&request, type, NLM_F_DUMP, header, size);
  if (send(fd, request.data, request.length, 0) < 0) fail("send");
  for (;;) {
    ssize_t got = recv(fd, replies, sizeof replies, MSG_TRUNC);
    if (got < 0) fail("recv");
    if ((size_t)got > sizeof replies) failed("dump", EMSGSIZE);
    for (struct nlmsghdr* h = (void*)replies; NLMSG_OK(h, got); h = NLMSG_NEXT(h, got)) {
      if (h->nlmsg_flags & NLM_F_DUMP_INTR) failed("dump", EINTR);
      if (h->nlmsg_type == NLMSG_ERROR) failed("dump", -((struct nlmsgerr*)NLMSG_DATA(h))->error);
      if (h->nlmsg_type == NLMSG_DONE) return;
      each(h);
    }
  }
}

void new_namespace(void) {
  if (unshare(CLONE_NEWNET)) fail("unshare");
}

int namespace_fd(void) {
  int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("/proc/thread-self/ns/net");
  return fd;
}
