// An overlay of so many lowers, each told to the kernel by its path: made, attached, taken off. On this thread, or both
// on another one, as whoever must not wait for the kernel's locks has it done.
#define _GNU_SOURCE
#include "netlink.h"
#include "peer.h"

#include <linux/mount.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HERE = -100 /* AT_FDCWD */, MOST = 500 };

#define PLACE "/run/mounts"

static char paths[MOST][32];

static void make_layers(int lowers) {
  const char* directories[] = {PLACE, PLACE "/upper", PLACE "/work", PLACE "/target"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
    if (mkdir(directories[i], 0755)) fail(directories[i]);
  }
  for (int i = 0; i < lowers; i++) {
    snprintf(paths[i], sizeof paths[i], PLACE "/%d", i);
    if (mkdir(paths[i], 0755)) fail(paths[i]);
  }
}

static void set(int context, const char* key, const char* value) {
  if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0)) fail(key);
}

static void up(int lowers) {
  int context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
  if (context < 0) fail("fsopen");
  set(context, "metacopy", "off");
  set(context, "redirect_dir", "nofollow");
  set(context, "index", "off");
  for (int i = 0; i < lowers; i++) set(context, "lowerdir+", paths[i]);
  set(context, "upperdir", PLACE "/upper");
  set(context, "workdir", PLACE "/work");
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) fail("fsconfig");
  int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
  if (mount < 0) fail("fsmount");
  close(context);
  if (syscall(SYS_move_mount, mount, "", HERE, PLACE "/target", MOVE_MOUNT_F_EMPTY_PATH)) fail("move_mount");
  close(mount);
}

static void down(void) {
  if (syscall(SYS_umount2, PLACE "/target", 0)) fail("umount2");
}

static int asked, answered;

static void* aside(void* lowers) {
  eventfd_t what;
  for (;;) {
    if (eventfd_read(asked, &what)) fail("read");
    if (what == 1)
      up(*(int*)lowers);
    else
      down();
    if (eventfd_write(answered, 1)) fail("write");
  }
  return NULL;
}

static void ask(eventfd_t what) {
  if (eventfd_write(asked, what) || eventfd_read(answered, &what)) fail("eventfd");
}

int mounts(const char* way, const char* count) {
  int lowers = atoi(count), here = !strcmp(way, "here");
  if ((!here && strcmp(way, "aside")) || lowers < 1 || lowers > MOST) return 2;
  make_layers(lowers);
  pthread_t thread;
  asked = eventfd(0, EFD_CLOEXEC);
  answered = eventfd(0, EFD_CLOEXEC);
  if (!here && pthread_create(&thread, NULL, aside, &lowers)) fail("pthread_create");
  int64_t took[MOUNTS + 1];
  for (int i = 0; i <= MOUNTS; i++) {
    int64_t start = now();
    if (here) {
      up(lowers);
      down();
    } else {
      ask(1);
      ask(2);
    }
    took[i] = now() - start;
  }
  int64_t first = took[0];
  printf("{\"first\": %ld, \"again\": %ld}\n", (long)first, (long)median(took + 1, MOUNTS));
  return 0;
}
