#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include <new>

#include "excursion.h"

namespace nsnet {

Program::Program(size_t capacity, int steps) : capacity_(capacity), room_(steps + kPrefix) {
  auto* memory = static_cast<nsnet_program*>(calloc(1, sizeof(nsnet_program) + sizeof(nsnet_step) * room_ + capacity));
  if (memory == nullptr) throw std::bad_alloc();
  memory->failed = -1;
  memory->data_at = static_cast<uint32_t>(sizeof(nsnet_program) + sizeof(nsnet_step) * room_);
  program_.reset(memory);
}

int Program::Step(long number, uint8_t flags, std::initializer_list<Argument> arguments) {
  if (program_->count == room_ - kPrefix) {
    overflow_ = true;
    return program_->count - 1;
  }
  auto& step = program_->steps[program_->count];
  if ((flags & NSNET_KEEP) && ++kept_ > NSNET_MAX_KEPT) overflow_ = true;
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
  if (bytes != nullptr) memcpy(DataAt(static_cast<int64_t>(at)), bytes, size);
  program_->data_size = static_cast<uint32_t>(at + size);
  return Argument(NSNET_DATA, static_cast<int64_t>(at));
}

void Program::Put(const Argument& room, const void* bytes, size_t size) {
  if (!overflow_ && size > 0) memcpy(DataAt(room.value), bytes, size);
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
