#include "excursion.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "clone.h"
#include "jobs.h"
#include "namespaces.h"
#include "stub_process.h"

namespace nsnet {

namespace {

std::atomic<bool> force_own_memory{false};

NSNET_BARE int RunInClone(void* argument) {
  nsnet_run(static_cast<nsnet_program*>(argument));
  nsnet_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
  return 0;
}

NSNET_BARE int SetInClone(void* argument) {
  *static_cast<volatile int*>(argument) = 1;
  nsnet_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
  return 0;
}

std::vector<int> DescriptorsOf(const Where& where) {
  std::vector<int> fds;
  for (const auto& entry : where.entries) fds.push_back(entry.fd.Get());
  for (const auto& fd : where.carried) fds.push_back(fd.Get());
  return fds;
}

}  // namespace

Where Where::From(const Napi::Value& list, const Napi::Value& own_memory) {
  Where where;
  where.own_memory = own_memory.IsBoolean() && own_memory.As<Napi::Boolean>().Value();
  if (list.IsUndefined() || list.IsNull()) return where;
  if (!list.IsArray()) throw Napi::TypeError::New(list.Env(), "Expected an array of namespaces to enter");
  const auto array = list.As<Napi::Array>();
  if (array.Length() > 16) throw Napi::TypeError::New(list.Env(), "Expected at most eight namespaces");
  for (uint32_t i = 0; i + 1 < array.Length(); i += 2) {
    const Napi::Value type = array.Get(i + 1);
    if (!type.IsNumber()) throw Napi::TypeError::New(list.Env(), "Expected a namespace type");
    where.entries.push_back({UseFd(array.Get(i)), type.As<Napi::Number>().Int32Value()});
    if (!where.entries.back().fd) where.closed = true;
  }
  return where;
}

bool Where::Uses(const FdBox& fd) const {
  const auto is = [&fd](const FdUse& use) { return use.IsOf(fd); };
  return std::any_of(carried.begin(), carried.end(), is) ||
         std::any_of(entries.begin(), entries.end(), [&is](const Entry& entry) { return is(entry.fd); });
}

bool Where::EntersUser() const {
  for (const auto& entry : entries) {
    if (entry.type == CLONE_NEWUSER) return true;
  }
  return false;
}

bool Where::EntersForeignUser() const {
  for (const auto& entry : entries) {
    if (entry.type == CLONE_NEWUSER && !IsSharedUserNamespace(entry.fd.Get())) return true;
  }
  return false;
}

void Excursion::ForceOwnMemory(bool force) { force_own_memory = force; }

bool Excursion::MemoryIsShared() {
  static std::once_flag once;
  static bool shared = false;
  std::call_once(once, [] {
    volatile int seen = 0;
    const pid_t pid = StartClone(SetInClone, const_cast<int*>(&seen), CLONE_VM | CLONE_VFORK | CLONE_FILES);
    const int status = pid < 0 ? pid : WaitForClone(pid);
    shared = status == 0 && seen == 1;
  });
  return shared;
}

bool Excursion::UsesOwnMemory(const Where& where) {
  return where.own_memory || force_own_memory.load() || !MemoryIsShared();
}

int Excursion::Run(const Where& where, Program& program, bool move) {
  if (where.closed) return -EBADF;
  if (program.overflow_) return -E2BIG;
  nsnet_program* steps = program.program_.get();
  if (where.entries.empty() && !move) {
    nsnet_run(steps);
    if (steps->failed < 0) return 0;
    program.failed_call_ = steps->steps[steps->failed].number;
    return static_cast<int>(steps->steps[steps->failed].result);
  }
  const bool own_memory = UsesOwnMemory(where);
  const int joins = static_cast<int>(where.entries.size());
  const int prefix = joins + (own_memory && joins > 0 ? 1 : 0);
  if (prefix > Program::kPrefix) return -E2BIG;
  // The rule of excursion.h, kept here too whatever TypeScript asks for.
  for (const auto& entry : where.entries) {
    // Only one type at a time, and only these: 0 and several at once mean whatever the descriptor is.
    const bool harmless = entry.type == CLONE_NEWNET || entry.type == CLONE_NEWNS || entry.type == CLONE_NEWUTS ||
                          entry.type == CLONE_NEWIPC || entry.type == CLONE_NEWCGROUP;
    if (!own_memory && !harmless) return -EPERM;
  }
  // The joins come first; results that later steps name move with them.
  memmove(steps->steps + prefix, steps->steps, sizeof(nsnet_step) * steps->count);
  memset(static_cast<void*>(steps->steps), 0, sizeof(nsnet_step) * prefix);
  for (int i = prefix; i < steps->count + prefix; i++) {
    for (int j = 0; j < 6; j++) {
      if (steps->steps[i].kinds[j] == NSNET_RESULT) steps->steps[i].args[j] += prefix;
    }
  }
  int next = 0;
  if (prefix > joins) {
    // Whoever is inside must not ptrace the stub either: it holds descriptors of ours.
    steps->steps[next].number = SYS_prctl;
    steps->steps[next].args[0] = PR_SET_DUMPABLE;
    next++;
  }
  for (const auto& entry : where.entries) {
    steps->steps[next].number = SYS_setns;
    steps->steps[next].args[0] = entry.fd.Get();
    steps->steps[next].args[1] = entry.type;
    next++;
  }
  steps->count += prefix;
  program.failed_call_ = own_memory ? SYS_execveat : SYS_clone;
  int error = own_memory ? RunInStub(steps, DescriptorsOf(where)) : RunShared(program);
  if (error != 0) {
    // It did not end, or its answer did not come whole: nothing of it stands.
    steps->failed = -1;
    steps->stands = 0;
  }
  if (error == 0 && steps->failed >= 0) {
    error = static_cast<int>(steps->steps[steps->failed].result);
    program.failed_call_ = steps->steps[steps->failed].number;
  }
  steps->count -= prefix;
  steps->stands = std::max(0, steps->stands - prefix);
  steps->failed = std::max(-1, steps->failed - prefix);
  memmove(steps->steps, steps->steps + prefix, sizeof(nsnet_step) * steps->count);
  return error;
}

int Excursion::RunShared(Program& program) {
  nsnet_program* steps = program.program_.get();
  const pid_t pid = StartClone(RunInClone, steps, CLONE_VM | CLONE_VFORK | CLONE_FILES);
  const int status = pid < 0 ? pid : WaitForClone(pid);
  if (status == 0) return 0;
  // Killed half-way: what it had opened is in our table.
  for (int i = 0; i < steps->count; i++) {
    auto& step = steps->steps[i];
    if (step.done && step.result >= 0 && (step.flags & (NSNET_KEEP | NSNET_TEMPORARY)))
      close(static_cast<int>(step.result));
    step.result = -1;
  }
  return status < 0 ? status : -ECANCELED;
}

Finish Failure(int error, const char* syscall) {
  return [error, syscall](Napi::Env env) -> Napi::Value {
    auto failure = Napi::Object::New(env);
    failure.Set("errno", Napi::Number::New(env, error));
    failure.Set("syscall", Napi::String::New(env, syscall));
    return failure;
  };
}

void InitExcursion(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "forceOwnMemory", [](const Napi::CallbackInfo& info) -> Napi::Value {
    Excursion::ForceOwnMemory(BoolArgument(info, 0));
    return info.Env().Undefined();
  });
  Export(env, exports, "forceTemporaryFile", [](const Napi::CallbackInfo& info) -> Napi::Value {
    ForceTemporaryFile(BoolArgument(info, 0));
    return info.Env().Undefined();
  });
  // Whether clones share memory here, found by doing.
  Export(env, exports, "memoryIsShared", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Submit(info.Env(), []() -> Finish {
      const bool shared = Excursion::MemoryIsShared();
      return [shared](Napi::Env env) -> Napi::Value { return Napi::Boolean::New(env, shared); };
    });
  });
}

}  // namespace nsnet
