// A directory copied by one thread: contents, owner, mode and times; no links, no holes, no attributes.
#define _GNU_SOURCE
#include "netlink.h"
#include "peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIES = 5, BUFFER = 128 * 1024 };

static void attributes(int fd, const struct stat* status) {
  const struct timespec times[2] = {status->st_atim, status->st_mtim};
  if (fchown(fd, status->st_uid, status->st_gid) || fchmod(fd, status->st_mode & 07777) || futimens(fd, times))
    fail("attributes");
}

static void contents(int from, int to, off_t size) {
  static char buffer[BUFFER];
  ssize_t got;
  if (size > BUFFER) {
    while ((got = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0) continue;
    if (got == 0) return;
  }
  while ((got = read(from, buffer, sizeof buffer)) > 0)
    if (write(to, buffer, (size_t)got) != got) fail("write");
}

static void copy_directory(int from, int to) {
  DIR* list = fdopendir(from);
  for (struct dirent* entry; (entry = readdir(list));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    int inner = openat(from, entry->d_name, O_RDONLY | O_NOFOLLOW), made;
    struct stat status;
    if (inner < 0 || fstat(inner, &status)) fail("open");
    if (S_ISDIR(status.st_mode)) {
      mkdirat(to, entry->d_name, 0700);
      made = openat(to, entry->d_name, O_RDONLY | O_DIRECTORY);
      copy_directory(inner, made);
    } else {
      made = openat(to, entry->d_name, O_WRONLY | O_CREAT | O_EXCL, 0600);
      contents(inner, made, status.st_size);
      close(inner);
    }
    attributes(made, &status);
    close(made);
  }
  closedir(list);
}

static int remove_one(const char* path, const struct stat* status, int type, struct FTW* walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

int copy(const char* what) {
  const char* within = getenv("NSNET_BENCH_COPY") ? getenv("NSNET_BENCH_COPY") : "/run";
  char place[4096], source[4200], target[4200];
  snprintf(place, sizeof place, "%s/nsnet-copy", within);
  snprintf(source, sizeof source, "%s/%s", place, what);
  snprintf(target, sizeof target, "%s/copied", place);
  int64_t took[COPIES + 1];
  for (int i = 0; i <= COPIES; i++) {
    int whole = open(place, O_RDONLY | O_DIRECTORY);
    if (syncfs(whole)) fail("syncfs");
    close(whole);
    int64_t start = now();
    mkdir(target, 0700);
    int to = open(target, O_RDONLY | O_DIRECTORY);
    copy_directory(open(source, O_RDONLY | O_DIRECTORY), to);
    close(to);
    took[i] = now() - start;
    if (nftw(target, remove_one, 16, FTW_DEPTH | FTW_PHYS)) fail("nftw");
    pause_ms(100);
  }
  int64_t first = took[0];
  printf("{\"first\": %ld, \"again\": %ld}\n", (long)first, (long)median(took + 1, COPIES));
  return 0;
}
