// The census as JavaScript asks for it.
#include <errno.h>

#include <atomic>
#include <cstring>
#include <memory>

#include "arguments.h"
#include "census.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

// What one namespace is told by: type, inode, uid, owner, parent, unique number, number of pids, length of the path.
constexpr size_t kNumbers = 8;

struct Told {
  std::vector<double> numbers;
  std::vector<int32_t> pids;
  std::string paths;
  std::string names;  // "inode name", each ended by NUL
};

Told Tell(const Census& census) {
  Told told;
  const auto all = census.Found();
  told.numbers.reserve(all.size() * kNumbers);
  for (const FoundNamespace* one : all) {
    // Who is in it leads to it, too; where it is mounted, it may be for ever.
    const bool path = one->rank == PathRank::kPinned || one->pids.empty();
    const auto flag = kNamespaceKinds[static_cast<size_t>(one->kind)].flag;
    for (const double number :
         {static_cast<double>(flag), static_cast<double>(one->inode), one->uid, one->owner, one->parent, one->unique,
          static_cast<double>(one->pids.size()), static_cast<double>(path ? one->path.size() : 0)})
      told.numbers.push_back(number);
    told.pids.insert(told.pids.end(), one->pids.begin(), one->pids.end());
    if (path) told.paths += one->path;
  }
  for (const auto& [inode, name] : census.Names()) {
    told.names += std::to_string(inode) + " " + name;
    told.names += '\0';
  }
  return told;
}

Finish Number(int number) {
  return [number](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, number); };
}

// [promise of what `finish` makes of a census or of -errno, stop]
Napi::Value Begin(Napi::Env env, const CensusOptions& options, Finish (*finish)(Census*)) {
  auto result = Napi::Array::New(env, 2);
  auto stopped = std::make_shared<std::atomic<bool>>(false);
  const auto stop = [stopped](const Napi::CallbackInfo&) { *stopped = true; };
  result.Set(1u, Napi::Function::New(env, stop, "stop"));
  auto environment = Environment::Of(env);
  result.Set(0u, Submit(env, [options, finish, stopped, environment]() -> Finish {
               Census census(options, [stopped, environment] { return *stopped || environment->Ended(); });
               const int error = census.Run();
               return error < 0 ? Number(error) : finish(&census);
             }));
  return result;
}

// scanNamespaces(types, holders) → [promise of [numbers, pids, paths, names] or -errno, stop]
Napi::Value ScanNamespaces(const Napi::CallbackInfo& info) {
  CensusOptions options;
  options.types = IntArgument(info, 0);
  options.holders = BoolArgument(info, 1);
  return Begin(info.Env(), options, [](Census* census) -> Finish {
    auto told = std::make_shared<Told>(Tell(*census));
    return [told](Napi::Env env) -> Napi::Value {
      auto list = Napi::Array::New(env, 4);
      list.Set(0u, NewBytes(env, told->numbers.data(), told->numbers.size() * sizeof(double)));
      list.Set(1u, NewBytes(env, told->pids.data(), told->pids.size() * sizeof(int32_t)));
      list.Set(2u, NewBytes(env, told->paths.data(), told->paths.size()));
      list.Set(3u, NewBytes(env, told->names.data(), told->names.size()));
      return list;
    };
  });
}

// findNamespace(type, inode, unique or 0, pid to begin with or 0) → [promise of a descriptor or -errno, stop]
Napi::Value FindNamespace(const Napi::CallbackInfo& info) {
  CensusOptions options;
  options.types = IntArgument(info, 0);
  options.inode = static_cast<uint64_t>(LongArgument(info, 1));
  options.unique = static_cast<double>(LongArgument(info, 2));
  options.first = IntArgument(info, 3);
  return Begin(info.Env(), options, [](Census* census) -> Finish {
    auto fd = std::make_shared<UniqueFd>(census->TakeOpened());
    if (fd->Get() < 0) return Number(-ESTALE);
    return [fd](Napi::Env env) -> Napi::Value { return WrapFd(env, std::move(*fd)); };
  });
}

}  // namespace

void InitCensus(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "scanNamespaces", ScanNamespaces);
  Export(env, exports, "findNamespace", FindNamespace);
}

}  // namespace nsnet
