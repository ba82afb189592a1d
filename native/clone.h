// clone(2) on a stack of the calling thread's, waited for.
#ifndef NSNET_CLONE_H_
#define NSNET_CLONE_H_

#include <sys/types.h>

namespace nsnet {

// Starts a clone; returns its pid, or -errno. exit_signal is 0: nobody's SIGCHLD, and no wait(-1) of the program's but
// one with __WALL takes it from us.
// With CLONE_PIDFD that is put where `pidfd` says.
pid_t StartClone(int (*main)(void*), void* argument, int flags, int* pidfd = nullptr);
// Waits for it: its exit status, -ECANCELED if it was killed, or another -errno.
int WaitForClone(pid_t pid);

}  // namespace nsnet

#endif  // NSNET_CLONE_H_
