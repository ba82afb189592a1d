// The table of mounts: /proc/<pid>/mountinfo read whole through a descriptor, and statmount(2) of many mounts at once.
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "arguments.h"
#include "excursion.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr size_t kPiece = 64 * 1024;             // the kernel gives a page at a time, or one line if that is longer
constexpr size_t kMostBytes = 64 * 1024 * 1024;  // some 500,000 mounts, five times what sysctl fs.mount-max allows
constexpr long kStatmount = 457;
constexpr size_t kFacts = 104;  // struct statmount up to and with propagate_from: all that has a fixed place
constexpr size_t kMostMounts = 1000;

// struct mnt_id_req of Linux 6.8.
struct MountRequest {
  uint32_t size;
  uint32_t spare;
  uint64_t id;
  uint64_t mask;
};

// STATMOUNT_SB_BASIC, _MNT_BASIC and _PROPAGATE_FROM
constexpr uint64_t kMask = 7;

// Whether mounts came, went or changed since this open file was last asked, or opened.
bool Changed(int fd) {
  pollfd one = {fd, POLLPRI, 0};
  return poll(&one, 1, 0) > 0 && (one.revents & (POLLPRI | POLLERR)) != 0;
}

// readTable(fd) → [all of it, whether it changed meanwhile], or -errno. By pread(2), from the beginning.
Napi::Value ReadTable(const Napi::CallbackInfo& info) {
  auto fd = std::make_shared<FdUse>(UseFd(info[0]));
  return Submit(info.Env(), [fd]() -> Finish {
    auto bytes = std::make_shared<Bytes>();
    int error = *fd ? 0 : -EBADF;
    size_t size = 0;
    while (error == 0) {
      bytes->resize(size + kPiece);
      const ssize_t got = pread(fd->Get(), bytes->data() + size, kPiece, static_cast<off_t>(size));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error = -errno;
      if (got <= 0) break;
      size += static_cast<size_t>(got);
      if (size > kMostBytes) error = -EFBIG;
    }
    const bool changed = error == 0 && Changed(fd->Get());
    *fd = FdUse();
    if (error < 0) return [error](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, error); };
    return [bytes, size, changed](Napi::Env env) -> Napi::Value {
      auto told = Napi::Array::New(env, 2);
      told.Set(0u, NewBytes(env, bytes->data(), size));
      told.Set(1u, Napi::Boolean::New(env, changed));
      return told;
    };
  });
}

// tableChanged(fd) → whether it did since this was last asked, by readTable() too
Napi::Value TableChanged(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  return Napi::Boolean::New(info.Env(), fd && Changed(fd.Get()));
}

// statMounts(where, ownMemory, ids as u64s) → 104 bytes for each; zeros for one that is gone
Napi::Value StatMounts(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const Bytes ids = BytesArgument(info, 2);
  const size_t count = ids.size() / sizeof(uint64_t);
  if (count == 0 || count > kMostMounts) throw Napi::TypeError::New(info.Env(), "Expected 1 to 1000 mounts");
  return Submit(info.Env(), [where, ids, count]() -> Finish {
    Program program(count * (sizeof(MountRequest) + kFacts + 16), static_cast<int>(count));
    auto facts = std::make_shared<Bytes>(count * kFacts);
    const Argument room = program.Room(facts->size());
    for (size_t i = 0; i < count; i++) {
      MountRequest request = {sizeof request, 0, 0, kMask};
      memcpy(&request.id, ids.data() + i * sizeof request.id, sizeof request.id);
      const Argument one(NSNET_DATA, room.value + static_cast<int64_t>(i * kFacts));
      program.Step(kStatmount, NSNET_OPTIONAL, {program.Data(&request, sizeof request), one, kFacts, 0});
    }
    const int error = Excursion::Run(*where, program, false);
    *where = Where();
    if (error < 0) return Failure(error, program.FailedCall());
    memcpy(facts->data(), program.At(room), facts->size());
    return [facts](Napi::Env env) -> Napi::Value { return NewBytes(env, facts->data(), facts->size()); };
  });
}

}  // namespace

void InitMounts(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "readTable", ReadTable);
  Export(env, exports, "tableChanged", TableChanged);
  Export(env, exports, "statMounts", StatMounts);
}

}  // namespace nsnet
