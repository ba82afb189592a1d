// What this process is and may do.
#include <errno.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "fd.h"
#include "init.h"

namespace nsnet {

namespace {

// capabilities() → the calling thread's effective set as two 32-bit numbers, low first; or -errno
Napi::Value Capabilities(const Napi::CallbackInfo& info) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return Napi::Number::New(info.Env(), -errno);
  auto list = Napi::Array::New(info.Env(), 2);
  list.Set(0u, Napi::Number::New(info.Env(), data[0].effective));
  list.Set(1u, Napi::Number::New(info.Env(), data[1].effective));
  return list;
}

Napi::Value Dumpable(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), prctl(PR_GET_DUMPABLE)); }

// flock(fd, operation) → 0 or -errno; with LOCK_NB it never waits
Napi::Value Flock(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const int result = flock(fd.Get(), IntArgument(info, 1) | LOCK_NB);
  return Napi::Number::New(info.Env(), result == 0 ? 0 : -errno);
}

Napi::Value Release(const Napi::CallbackInfo& info) {
  utsname names;
  if (uname(&names) != 0) return Napi::Number::New(info.Env(), -errno);
  return Napi::String::New(info.Env(), names.release);
}

// Wall clock in nanoseconds, as the kernel stamps received packets.
Napi::Value Now(const Napi::CallbackInfo& info) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return Napi::BigInt::New(info.Env(), static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec);
}

}  // namespace

void InitProcess(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "capabilities", Capabilities);
  Export(env, exports, "dumpable", Dumpable);
  Export(env, exports, "flock", Flock);
  Export(env, exports, "kernelRelease", Release);
  Export(env, exports, "now", Now);
}

}  // namespace nsnet
