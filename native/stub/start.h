// What the stub does to start a process, besides system calls.
#ifndef NSNET_START_H_
#define NSNET_START_H_

#define EACCES_ 13
#define ENODEV_ 19
#define ENOENT_ 2
#define ENOTDIR_ 20
#define ESRCH_ 3
#define EXDEV_ 18
#define ECANCELED_ 125

enum { SIGNALS = 64, SIGCHLD_ = 17, SIGKILL_ = 9, SIGSTOP_ = 19, BLOCK = 0, SET_MASK = 2 };
enum { CLONE_PIDFD_ = 0x1000, CLONE_PARENT_ = 0x8000 };

static int channel;

NSNET_BARE static char* data_at(int64_t offset) { return memory.bytes + program->data_at + offset; }

// Of a process that was forked, in the namespaces that are for children: the sibling is the caller's child, as this
// one is, so that it can be waited for and dies with it.
NSNET_BARE static int64_t go_on_in_sibling(int64_t cgroup, int64_t dies_by) {
  int pidfd = -1;
  int64_t pid;
  if (cgroup >= 0) {
    struct {
      uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
    } how = {0};
    how.flags = CLONE_PIDFD_ | CLONE_PARENT_ | 0x200000000ull /* CLONE_INTO_CGROUP, 5.7 */;
    how.pidfd = (uint64_t)(uintptr_t)&pidfd;
    how.cgroup = (uint64_t)cgroup;
    pid = nsnet_syscall(435, (int64_t)(uintptr_t)&how, sizeof how, 0, 0, 0, 0);
  } else {
    pid = nsnet_syscall(SYS_clone, CLONE_PIDFD_ | CLONE_PARENT_, 0, (int64_t)(uintptr_t)&pidfd, 0, 0, 0);
  }
  // Not before it is known to whoever started it, and can be killed. The answer shows as well that the thread lived
  // after PR_SET_PDEATHSIG was set, whose end is the signal.
  char told_of;
  if (pid == 0) {
    nsnet_syscall(SYS_prctl, PR_SET_PDEATHSIG, dies_by, 0, 0, 0, 0);
    return transfer(SYS_read, channel, &told_of, 1) ? 0 : -ECANCELED_;
  }
  if (pid < 0) return pid;
  union descriptors control;
  *(int*)CMSG_DATA(&control.header) = pidfd;
  const int told = tell(channel, NSNET_SIBLING, &control, 1);
  // Nobody knows it: it must not go on.
  if (!told) nsnet_syscall(SYS_kill, pid, SIGKILL_, 0, 0, 0, 0);
  leave_nothing();
  for (;;) call(SYS_exit_group, told ? 0 : 255, 0, 0);
}

// The first process of a pid namespace: what is sent to it goes to its child, and all that ends is reaped.
NSNET_BARE __attribute__((noreturn)) static void be_init(long child) {
  uint64_t all = ~0ull;
  nsnet_syscall(SYS_close_range, 0, ~0u, 0, 0, 0, 0);
  for (;;) {
    const int64_t signal = nsnet_syscall(SYS_rt_sigtimedwait, (int64_t)(uintptr_t)&all, 0, 0, 8, 0, 0);
    if (signal > 0 && signal != SIGCHLD_) call(SYS_kill, child, (long)signal, 0);
    for (;;) {
      int status = 0;
      const int64_t ended = nsnet_syscall(SYS_wait4, -1, (int64_t)(uintptr_t)&status, 1 /* WNOHANG */, 0, 0, 0);
      if (ended <= 0) break;
      // As a shell says it.
      if (ended == child) call(SYS_exit_group, (status & 0x7f) ? 128 + (status & 0x7f) : status >> 8 & 0xff, 0, 0);
    }
  }
}

NSNET_BARE static int64_t go_on_in_child(void) {
  uint64_t all = ~0ull;
  // Before it can end.
  nsnet_syscall(SYS_rt_sigprocmask, SET_MASK, (int64_t)(uintptr_t)&all, 0, 8, 0, 0);
  const int64_t pid = nsnet_syscall(SYS_clone, SIGCHLD_, 0, 0, 0, 0, 0);
  if (pid > 0) be_init((long)pid);
  return pid;
}

NSNET_BARE static int64_t ask(void) {
  union descriptors none;
  unsigned char error = 0;
  if (!tell(channel, NSNET_ASKS, &none, 0) || !transfer(SYS_read, channel, (char*)&error, 1)) return -ECANCELED_;
  return -(int64_t)error;
}

NSNET_BARE static int64_t free_signals(void) {
  struct {
    uint64_t handler, flags, restorer, mask;
  } usual = {0};
  for (int signal = 1; signal <= SIGNALS; signal++) {
    if (signal == SIGKILL_ || signal == SIGSTOP_) continue;
    nsnet_syscall(SYS_rt_sigaction, signal, (int64_t)(uintptr_t)&usual, 0, 8, 0, 0);
  }
  return nsnet_syscall(SYS_rt_sigprocmask, SET_MASK, (int64_t)(uintptr_t)&usual.mask, 0, 8, 0, 0);
}

// The answer shows that the thread lived after PR_SET_PDEATHSIG was set, as above.
NSNET_BARE static int64_t alive(void) {
  union descriptors none;
  char answer;
  return tell(channel, NSNET_THERE, &none, 0) && transfer(SYS_read, channel, &answer, 1) ? 0 : -ECANCELED_;
}

// Before anything is looked up that others have made: their links lead through /proc to whatever is still open here
// (CVE-2024-21626).
NSNET_BARE static int64_t forget(int64_t kept) {
  if (channel != kept) {
    const int64_t moved = nsnet_syscall(SYS_dup3, channel, kept, 02000000 /* O_CLOEXEC */, 0, 0, 0);
    if (moved < 0) return moved;
    channel = (int)moved;
  }
  // None of these numbers is a step's any more.
  for (int i = 0; i < program->count; i++) program->steps[i].done = 0;
  nowhere = -1;
  return nsnet_syscall(SYS_close_range, kept + 1, ~0u, 0, 0, 0, 0);
}

NSNET_BARE static int64_t inside(void) {
  static char path[4096];
  const int64_t size = nsnet_syscall(SYS_getcwd, (int64_t)(uintptr_t)path, sizeof path, 0, 0, 0, 0);
  if (size < 0) return size;
  return path[0] == '/' ? 0 : -EXDEV_;
}

NSNET_BARE static int64_t is_device(int64_t fd, int64_t major, int64_t minor) {
  struct statx status;
  // AT_EMPTY_PATH, STATX_TYPE
  const int64_t result =
      nsnet_syscall(SYS_statx, fd, (int64_t)(uintptr_t) "", 0x1000, 1, (int64_t)(uintptr_t)&status, 0);
  if (result < 0) return result;
  const int same =
      (status.stx_mode & 0170000) == 0020000 && status.stx_rdev_major == major && status.stx_rdev_minor == minor;
  return same ? 0 : -ENODEV_;
}

NSNET_BARE static int64_t set_aside(int64_t least, int64_t among_whom) {
  starting = 1;
  among = (int)among_whom;
  const int64_t moved = nsnet_syscall(SYS_fcntl, channel, 1030 /* F_DUPFD_CLOEXEC */, least, 0, 0, 0);
  if (moved < 0) return moved;
  call(SYS_close, channel, 0, 0);
  channel = (int)moved;
  if (!among) return 0;
  // Where it goes a path may lead anywhere, also to a file system that never answers.
  nowhere = (int)nsnet_syscall(SYS_openat, -100, (int64_t)(uintptr_t) "/proc/self/fdinfo",
                               012200000 /* O_PATH, O_DIRECTORY, O_CLOEXEC */, 0, 0, 0);
  return 0;
}

// With `give_up` without CAP_SYS_ADMIN, too: at the price of new privileges.
NSNET_BARE static int64_t filter(int64_t instructions, int64_t bytes, int64_t flags, int64_t give_up) {
  struct {
    uint16_t count;
    uint64_t first;
  } what = {(uint16_t)(bytes / 8), (uint64_t)instructions};
  int64_t result = nsnet_syscall(SYS_seccomp, 1, flags, (int64_t)(uintptr_t)&what, 0, 0, 0);
  if (result == -EACCES_ && give_up && nsnet_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) == 0)
    result = nsnet_syscall(SYS_seccomp, 1, flags, (int64_t)(uintptr_t)&what, 0, 0, 0);
  filtered = result == 0;
  return result;
}

// Offsets in the data, ended by -1, become pointers.
NSNET_BARE static char** pointers(int64_t vector) {
  int64_t* at = (int64_t*)(uintptr_t)vector;
  for (; *at >= 0; at++) *at = (int64_t)(uintptr_t)data_at(*at);
  *at = 0;
  return (char**)(uintptr_t)vector;
}

// As execvp(3): what is not there is looked for further on, what may not be executed is remembered.
NSNET_BARE static int64_t execute(char** paths, char** argv, char** envp) {
  int64_t error = -ENOENT_;
  for (; *paths; paths++) {
    const int64_t result = nsnet_syscall(SYS_execve, (int64_t)(uintptr_t)*paths, (int64_t)(uintptr_t)argv,
                                         (int64_t)(uintptr_t)envp, 0, 0, 0);
    if (result == -EACCES_) error = result;
    if (result != -EACCES_ && result != -ENOENT_ && result != -ENOTDIR_) return result;
  }
  return error;
}

NSNET_BARE static int64_t nsnet_special(struct nsnet_program* unused, int i) {
  (void)unused;
  const int64_t a = nsnet_argument(program, i, 0);
  const int64_t b = nsnet_argument(program, i, 1);
  const int64_t c = nsnet_argument(program, i, 2);
  union descriptors none;
  switch (program->steps[i].number) {
    case NSNET_FORK: return go_on_in_sibling(a, b);
    case NSNET_INIT: return go_on_in_child();
    case NSNET_SYNC: return ask();
    case NSNET_SIGNALS: return free_signals();
    case NSNET_ALIVE: return alive();
    case NSNET_INSIDE: return inside();
    case NSNET_READY: return tell(channel, NSNET_STARTS, &none, 0) ? 0 : -ESRCH_;
    case NSNET_ASIDE: return set_aside(a, b);
    case NSNET_FORGET: return forget(a);
    case NSNET_TERMINAL: return call(SYS_ioctl, 0, 0x540E, 0);
    case NSNET_DEVICE: return is_device(a, b, c);
    case NSNET_FILTER: return filter(a, b, c, nsnet_argument(program, i, 3));
    case NSNET_EXEC: return execute(pointers(a), pointers(b), pointers(c));
    default: return -38;  // ENOSYS
  }
}

#endif  // NSNET_START_H_
