// The least of rtnetlink that the benchmark's C programs share: a batch of requests, its acks, a dump.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch {
  size_t length;      // bytes filled so far
  size_t start;       // where the message being built begins
  int acks;           // messages that asked for an ack
  uint32_t sequence;  // of the last message
  char data[64 * 1024];
};

void fail(const char* what);
void failed(const char* what, int error);
int64_t now(void);  // monotonic nanoseconds

int netlink_socket(void);  // NETLINK_ROUTE in the thread's namespace, short acks, strict checks
void message(struct batch* b, uint16_t type, uint16_t flags, const void* header, size_t size);
void attribute(struct batch* b, uint16_t type, const void* value, size_t size);
void attribute_u32(struct batch* b, uint16_t type, uint32_t value);
void attribute_text(struct batch* b, uint16_t type, const char* value);
size_t nest(struct batch* b, uint16_t type);  // returns what unnest() takes
void unnest(struct batch* b, size_t at);
void append(struct batch* b, const void* bytes, size_t size);  // into the message being built
void exchange(int fd, struct batch* b);                        // send it, wait for its acks, empty it
void dump(int fd, uint16_t type, const void* header, size_t size, void (*each)(const struct nlmsghdr*));

// Namespaces: the first moves the calling thread into a new one, the second gives a descriptor of its own.
void new_namespace(void);
int namespace_fd(void);
