// Which system calls are answered here. Each is made with arguments that the kernel refuses, or that change nothing:
// a refusal of another kind comes from a filter, and ENOSYS from a filter or a kernel that is too old.
#include <sys/syscall.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "excursion.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

struct Call {
  const char* name;
  long number;
  std::array<int, 5> arguments;
};

// The numbers of calls newer than 5.0 are the same on every architecture, and older headers do not name them.
constexpr Call kCalls[] = {
    {"unshare", SYS_unshare, {0}},
    {"setns", SYS_setns, {-1, 0}},
    {"memfd_create", SYS_memfd_create, {0, -1}},
    {"open_tree", 428, {-1, 0, -1}},
    {"fsopen", 430, {0, -1}},
    {"pidfd_open", 434, {-1, -1}},
    {"clone3", 435, {0, 0}},
    {"mount_setattr", 442, {-1, 0, -1}},
    {"statmount", 457, {0, 0, 0, -1}},
};

// probeCalls(ownMemory, names) → what each returned, or the failure of the clone that made them
Napi::Value ProbeCalls(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info.Env().Undefined(), info[0]));
  if (!info[1].IsArray()) throw Napi::TypeError::New(info.Env(), "Expected an array");
  const auto names = info[1].As<Napi::Array>();
  std::vector<const Call*> chosen;
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = Napi::Value(names.Get(i)).ToString();
    for (const Call& call : kCalls) {
      if (name == call.name) chosen.push_back(&call);
    }
  }
  return Submit(info.Env(), [where, chosen]() -> Finish {
    Program program;
    for (const Call* call : chosen) {
      const auto& value = call->arguments;
      program.Step(call->number, NSNET_OPTIONAL, {value[0], value[1], value[2], value[3], value[4]});
    }
    const int error = Excursion::Run(*where, program, true);
    if (error < 0) return Failure(error, program.FailedCall());
    auto results = std::make_shared<std::vector<double>>();
    for (size_t i = 0; i < chosen.size(); i++)
      results->push_back(static_cast<double>(program.ResultOf(static_cast<int>(i))));
    return [results](Napi::Env env) -> Napi::Value {
      auto list = Napi::Array::New(env, results->size());
      for (uint32_t i = 0; i < results->size(); i++) list.Set(i, Napi::Number::New(env, (*results)[i]));
      return list;
    };
  });
}

}  // namespace

void InitProbe(Napi::Env env, Napi::Object exports) { Export(env, exports, "probeCalls", ProbeCalls); }

}  // namespace nsnet
