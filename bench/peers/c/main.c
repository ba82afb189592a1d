// The peer in C: one thread, rtnetlink and system calls by hand, as good as it can reasonably be.
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pause_ms(int ms) { usleep((useconds_t)ms * 1000); }

static int compare(const void* a, const void* b) {
  int64_t x = *(const int64_t*)a, y = *(const int64_t*)b;
  return (x > y) - (x < y);
}

int64_t median(int64_t* values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int main(int count, char** arguments) {
  const char* scenario = count > 1 ? arguments[1] : "";
  if (!strcmp(scenario, "lab")) return lab();
  if (!strcmp(scenario, "star")) return star();
  if (!strcmp(scenario, "routes") && count > 2) return routes(arguments[2]);
  if (!strcmp(scenario, "dump")) return dump_routes();
  if (!strcmp(scenario, "links")) return links();
  if (!strcmp(scenario, "mounts") && count > 3) return mounts(arguments[2], arguments[3]);
  if (!strcmp(scenario, "copy") && count > 2) return copy(arguments[2]);
  if (!strcmp(scenario, "spawn") && count > 2) return spawns(arguments[2]);
  if (!strcmp(scenario, "namespaces")) return namespaces();
  if (!strcmp(scenario, "hold")) return hold();
  if (!strcmp(scenario, "crowd") && count > 2) return crowd(arguments[2]);
  fprintf(stderr, "usage: %s lab | star | routes one|acks|last | dump | links | mounts here|aside LOWERS | ",
          arguments[0]);
  fprintf(stderr, "copy small|large | spawn plain|isolated | namespaces | hold | crowd PROCESSES\n");
  return 2;
}
