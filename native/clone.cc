#include "clone.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace nsnet {

namespace {

constexpr size_t kStackSize = 64 * 1024;

// A stack for the clone, with a guard page below; one a thread, for as long as the thread lives.
class Stack {
 public:
  Stack() {
    void* memory = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    base_ = static_cast<char*>(memory);
    mprotect(base_, 4096, PROT_NONE);
  }
  ~Stack() {
    if (base_ != nullptr) munmap(base_, kStackSize);
  }
  char* Top() const { return base_ == nullptr ? nullptr : base_ + kStackSize - 64; }

 private:
  char* base_ = nullptr;
};

char* StackTop() {
  static thread_local Stack stack;
  return stack.Top();
}

}  // namespace

pid_t StartClone(int (*main)(void*), void* argument, int flags, int* pidfd) {
  char* top = StackTop();
  if (top == nullptr) return -ENOMEM;
  const pid_t pid = clone(main, top, flags, argument, pidfd);
  return pid < 0 ? -errno : pid;
}

int WaitForClone(pid_t pid) {
  int status = 0;
  pid_t waited;
  do waited = waitpid(pid, &status, __WALL);
  while (waited < 0 && errno == EINTR);
  if (waited < 0) return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -ECANCELED;
}

}  // namespace nsnet
