#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace nsnet {

int ReadDirectory(int fd, char* room, size_t size, std::vector<DirectoryEntry>* entries) {
  entries->clear();
  // At its end there is nothing, not even . and ..
  while (entries->empty()) {
    const auto got = syscall(SYS_getdents64, fd, room, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 ? 0 : errno;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(room + at);
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
        entries->push_back({entry->d_name, entry->d_type});
      at += entry->d_reclen;
    }
  }
  return 0;
}

Napi::Value TreeJob::Promise(Napi::Env env, const std::shared_ptr<TreeJob>& self) {
  environment_ = Environment::Of(env);
  auto result = Napi::Array::New(env, 2);
  const auto stop = [self](const Napi::CallbackInfo&) { self->stopped_ = true; };
  result.Set(1u, Napi::Function::New(env, stop, "stop"));
  pending_ = Pending::New(env);
  result.Set(0u, pending_->Promise());
  return result;
}

bool TreeJob::Stopped() {
  if (environment_->Ended()) stopped_ = true;
  return stopped_;
}

void TreeJob::Fail(const Fault& fault, const std::string& path) {
  std::lock_guard<std::mutex> lock(fault_mutex_);
  if (!fault_) {
    fault_ = fault;
    path_ = path;
  }
  stopped_ = true;
}

void TreeJob::Settle(double value) {
  // A stop is no failure of a call's.
  const Fault fault = fault_ || !stopped_ ? fault_ : Fault{ECANCELED, ""};
  auto pending = std::move(pending_);
  pending->Settle([fault, path = path_, value](Napi::Env env) -> Napi::Value {
    if (!fault) return Napi::Number::New(env, value);
    auto failure = Napi::Object::New(env);
    failure.Set("errno", Napi::Number::New(env, -fault.error));
    failure.Set("syscall", Napi::String::New(env, fault.call));
    failure.Set("path", Napi::String::New(env, path));
    return failure;
  });
}

}  // namespace nsnet
