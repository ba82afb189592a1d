#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include <new>

#include "excursion.h"

namespace nsnet {

Program::Program(size_t capacity) : capacity_(capacity) {
  auto* memory = static_cast<nsnet_program*>(calloc(1, offsetof(nsnet_program, data) + capacity));
  if (memory == nullptr) throw std::bad_alloc();
  memory->failed = -1;
  program_.reset(memory);
}

int Program::Step(long number, uint8_t flags, std::initializer_list<Argument> arguments) {
  if (program_->count == NSNET_MAX_STEPS) {
    overflow_ = true;
    return NSNET_MAX_STEPS - 1;
  }
  auto& step = program_->steps[program_->count];
  step.number = static_cast<int32_t>(number);
  step.flags = flags;
  step.result = -1;
  int i = 0;
  for (const auto& argument : arguments) {
    step.args[i] = argument.value;
    step.kinds[i++] = argument.kind;
  }
  return program_->count++;
}

Argument Program::Data(const void* bytes, size_t size) {
  const size_t at = (program_->data_size + 7) & ~size_t{7};
  if (at + size > capacity_ || at + size > NSNET_DATA_SIZE) {
    overflow_ = true;
    return Argument(NSNET_DATA, 0);
  }
  if (bytes != nullptr) memcpy(program_->data + at, bytes, size);
  program_->data_size = static_cast<uint32_t>(at + size);
  return Argument(NSNET_DATA, static_cast<int64_t>(at));
}

const char* Program::FailedCall() const {
  switch (failed_call_) {
    case SYS_setns: return "setns";
    case SYS_unshare: return "unshare";
    case SYS_openat: return "openat";
    case SYS_read: return "read";
    case SYS_write: return "write";
    case SYS_socket: return "socket";
    case SYS_mount: return "mount";
    case SYS_umount2: return "umount2";
    case SYS_prctl: return "prctl";
    case SYS_ioctl: return "ioctl";
    case SYS_execveat: return "execveat";
    default: return "clone";
  }
}

UniqueFd Program::Take(int step) {
  const int fd = static_cast<int>(program_->steps[step].result);
  program_->steps[step].result = -1;
  return UniqueFd(fd);
}

}  // namespace nsnet
