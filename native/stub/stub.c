// The stub: a static program with memory of its own, embedded in the add-on and run from a sealed memfd. It enters
// what the transient clone must not enter, because whoever is inside could read the memory of Node through it.
// It reads one program from the socket named by its first argument, runs it, and answers with the program as it
// stands afterwards and the descriptors to keep (SCM_RIGHTS).
#define NSNET_STUB
#include "../program.h"

#include <linux/prctl.h>
#include <linux/stat.h>
#include <linux/types.h>
#include <sys/socket.h>

static union {
  struct nsnet_program program;
  char bytes[NSNET_MAX_SIZE];
} memory;
static struct nsnet_program* const program = &memory.program;
static int nowhere = -1;  // a directory to be in when this ends
static int starting;      // a process is being started
// 0: nobody is, or will be, where this could be seen from. 2: others' mounts are joined, where a path may lead to a
// file system that never answers; once there, nothing of this machine is left to be seen.
static int among = 1;

NSNET_BARE static long call(long number, long a, long b, long c) { return nsnet_syscall(number, a, b, c, 0, 0, 0); }

NSNET_BARE static int transfer(int number, int fd, char* bytes, long size) {
  while (size > 0) {
    long moved = call(number, fd, (long)bytes, size);
    if (moved == -4 /* EINTR */) continue;
    if (moved <= 0) return 0;
    bytes += moved;
    size -= moved;
  }
  return 1;
}

union descriptors {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * NSNET_MAX_KEPT)];
};

static int filtered;  // what is told from here on must pass a filter, too: write(2) is seldom forbidden

// A byte, which carries descriptors: ancillary data needs at least one, and comes with exactly that read.
NSNET_BARE static int tell(int fd, char word, union descriptors* control, int count) {
  if (filtered && count == 0) return transfer(SYS_write, fd, &word, 1);
  struct iovec vector = {&word, 1};
  struct msghdr message = {0};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (count > 0) {
    control->header.cmsg_level = SOL_SOCKET;
    control->header.cmsg_type = SCM_RIGHTS;
    control->header.cmsg_len = CMSG_LEN(sizeof(int) * count);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  }
  return call(SYS_sendmsg, fd, (long)&message, 0x4000 /* MSG_NOSIGNAL */) == 1;
}

// In one go, and short: whoever reads it never waits for a stub that somebody has stopped.
NSNET_BARE static int answer_start(int fd) {
  const int32_t failed = program->failed;
  const struct nsnet_failure told = {NSNET_ANSWER, failed, failed < 0 ? 0 : (int32_t)program->steps[failed].result};
  return transfer(SYS_write, fd, (char*)&told, sizeof told);
}

NSNET_BARE static int answer(int fd) {
  if (starting) return answer_start(fd);
  union descriptors control;
  int* fds = (int*)CMSG_DATA(&control.header);
  int count = 0;
  for (int i = 0; i < program->count; i++) {
    if (nsnet_keeps(program, i) && program->steps[i].result >= 0 && count < NSNET_MAX_KEPT)
      fds[count++] = (int)program->steps[i].result;
  }
  if (!tell(fd, NSNET_ANSWER, &control, count)) return 0;
  return transfer(SYS_write, fd, memory.bytes, program->data_at + (long)program->data_size);
}

// A process that exits lets go of its memory first, and with it of PR_SET_DUMPABLE: until it is gone, whoever has
// CAP_SYS_PTRACE where it went may open what it still has under /proc. So it leaves nothing to be opened: no
// descriptors, a root directory that dies with it, and memory without its program.
NSNET_BARE static void leave_nothing(void) {
  long gone = -1;
  if (nowhere >= 0)
    gone = call(SYS_fchdir, nowhere, 0, 0);
  else if (among == 1)
    gone = call(SYS_chdir, (long)"/proc/self/fdinfo", 0, 0);
  if (gone == 0) call(SYS_chroot, (long)".", 0, 0);
  call(436 /* close_range, 5.9 */, 0, ~0u, 0);
  const long used = program->data_at + (long)program->data_size;
  volatile char* at = memory.bytes;
  for (long left = used <= (long)sizeof memory ? used : (long)sizeof memory; left > 0; left--) *at++ = 0;
}

#include "start.h"

NSNET_BARE __attribute__((used, noreturn)) void nsnet_stub(long* stack) {
  const char* text = (const char*)stack[2];
  int fd = 0;
  while (*text >= '0' && *text <= '9') fd = fd * 10 + (*text++ - '0');
  channel = fd;
  // By it the parent knows it: else it would have that of its file, or a number.
  call(SYS_prctl, PR_SET_NAME, (long)"nsnet-stub", 0);
  call(SYS_prctl, PR_SET_PDEATHSIG, 9, 0);
  const long head = sizeof(struct nsnet_program);
  int ok = transfer(SYS_read, fd, memory.bytes, head) && program->count >= 0 && program->count <= NSNET_MAX_STEPS &&
           program->data_size <= NSNET_DATA_SIZE &&
           program->data_at >= head + program->count * (long)sizeof(struct nsnet_step) &&
           program->data_at <= sizeof memory - program->data_size &&
           transfer(SYS_read, fd, memory.bytes + head, program->data_at + (long)program->data_size - head);
  if (ok) {
    nsnet_run(program);
    ok = answer(channel);
  }
  leave_nothing();
  call(SYS_exit_group, ok ? 0 : 255, 0, 0);
  __builtin_trap();  // a filter forbids even that
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall nsnet_stub\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl nsnet_stub\n");
#endif

// The compiler may call these even in freestanding code.
NSNET_BARE void* memset(void* to, int byte, unsigned long size) {
  volatile char* at = to;
  while (size--) *at++ = (char)byte;
  return to;
}
NSNET_BARE void* memcpy(void* to, const void* from, unsigned long size) {
  volatile char* at = to;
  const char* source = from;
  while (size--) *at++ = *source++;
  return to;
}
