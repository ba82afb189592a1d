// A profile in Docker's form, with the rules of every kind that Docker's own has, for programs that read, write and run.
import type { SeccompProfile } from 'nsnet';

const FILES = `
  access chdir chmod chown close close_range copy_file_range dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate
  fchdir fchmod fchown fcntl fcntl64 fdatasync fgetxattr flistxattr fstat fstat64 fstatat64 fstatfs fsync ftruncate
  getcwd getdents getdents64 getxattr ioctl lgetxattr linkat listxattr llistxattr lseek lstat lstat64 mkdir mkdirat
  newfstatat open openat openat2 pipe pipe2 pread64 preadv pwrite64 pwritev read readlink readlinkat readv rename
  renameat2 rmdir sendfile stat stat64 statfs statx symlinkat umask unlink unlinkat utimensat write writev`;

const MEMORY =
  'brk madvise membarrier mincore mmap mmap2 mprotect mremap munmap pkey_alloc pkey_free pkey_mprotect';

const PROCESSES = `
  capget execve execveat exit exit_group fork futex futex_time64 get_robust_list getegid getegid32 geteuid geteuid32
  getgid getgid32 getgroups getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage
  getsid gettid getuid getuid32 io_uring_setup kill pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq
  rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getattr
  sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min sched_yield set_robust_list
  set_thread_area set_tid_address setpgid setsid sigaltstack sysinfo tgkill uname vfork wait4 waitid waitpid`;

const EVENTS = `
  clock_getres clock_gettime clock_gettime64 clock_nanosleep epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait
  eventfd2 gettimeofday inotify_init1 nanosleep poll ppoll pselect6 select timerfd_create timerfd_settime`;

const SOCKETS = `
  accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmsg sendmsg sendto setsockopt shutdown
  socketcall socketpair`;

const names = [FILES, MEMORY, PROCESSES, EVENTS, SOCKETS].flatMap((text) => text.trim().split(/\s+/));

/** The flags of clone(2) that make namespaces. */
const NEW_NAMESPACES = 0x7e020000;

export const ALLOWLIST: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
  ],
  syscalls: [
    { names, action: 'SCMP_ACT_ALLOW' },
    { names: ['arch_prctl'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64', 'x32'] } },
    { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
    {
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      // AF_VSOCK
      args: [{ index: 0, value: 40, op: 'SCMP_CMP_NE' }],
    },
    ...[0, 8, 0xffffffff].map((value) => ({
      names: ['personality'],
      action: 'SCMP_ACT_ALLOW' as const,
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' as const }],
    })),
    {
      names: ['clone', 'clone3', 'mount', 'umount2', 'setns', 'unshare', 'sethostname', 'mseal'],
      action: 'SCMP_ACT_ALLOW',
      includes: { caps: ['CAP_SYS_ADMIN'] },
    },
    {
      names: ['clone'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    },
    {
      names: ['clone3'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 38,
      comment: 'its flags are in memory',
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    },
  ],
};
