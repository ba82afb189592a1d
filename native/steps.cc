// A program of system calls put together in TypeScript: those of mounts (mount_setattr(2), fsopen(2), openat2(2)…) and
// of the files around them. Each call has a signature here, so that no pointer and no length comes from JavaScript.
#include <errno.h>
#include <fcntl.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "excursion.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

// i integer · f descriptor: one of ours, an earlier step's result, or a negative number · s string or null ·
// b bytes and their length · B bytes alone · r room and its length · R room alone · n room for so many u64, and how
// many
struct Call {
  const char* name;
  long number;
  const char* signature;
  // What it returns is a descriptor; or what it changes must be a clone's: namespaces, root, working directory; or the
  // stub's, whose table of descriptors is not ours.
  enum { kPlain, kOpens, kMoves, kOwnTable } nature;
  long request = 0;  // of an ioctl, behind its descriptor
};

// The numbers of calls newer than 5.0 are the same on every architecture, and older headers do not name them.
constexpr Call kCalls[] = {
    {"chdir", SYS_chdir, "s", Call::kMoves},
    {"chroot", SYS_chroot, "s", Call::kMoves},
    {"dup3", SYS_dup3, "fii", Call::kOwnTable},
    {"fchdir", SYS_fchdir, "f", Call::kMoves},
    {"fchmodat", SYS_fchmodat, "fsi", Call::kPlain},
    {"fchownat", SYS_fchownat, "fsiii", Call::kPlain},
    {"fsconfig", 431, "fissi", Call::kPlain},
    {"fsconfig_fd", 431, "fissf", Call::kPlain},
    {"fsmount", 432, "fii", Call::kOpens},
    {"fsopen", 430, "si", Call::kOpens},
    {"fspick", 433, "fsi", Call::kOpens},
    {"loop_configure", SYS_ioctl, "fB", Call::kPlain, 0x4C0A},
    {"loop_ctl_get_free", SYS_ioctl, "f", Call::kPlain, 0x4C82},
    {"lgetxattr", SYS_lgetxattr, "ssr", Call::kPlain},
    {"getdents64", SYS_getdents64, "fr", Call::kPlain},
    {"listmount", 458, "Bni", Call::kPlain},
    {"mkdirat", SYS_mkdirat, "fsi", Call::kPlain},
    {"mknodat", SYS_mknodat, "fsii", Call::kPlain},
    {"mount", SYS_mount, "sssis", Call::kPlain},
    {"mount_setattr", 442, "fsib", Call::kPlain},
    {"move_mount", 429, "fsfsi", Call::kPlain},
    {"open_tree", 428, "fsi", Call::kOpens},
    {"openat", SYS_openat, "fsii", Call::kOpens},
    {"openat2", 437, "fsb", Call::kOpens},
    {"pivot_root", SYS_pivot_root, "ss", Call::kMoves},
    {"read", SYS_read, "fr", Call::kPlain},
    {"readlinkat", SYS_readlinkat, "fsr", Call::kPlain},
    {"renameat2", SYS_renameat2, "fsfsi", Call::kPlain},
    {"statmount", 457, "Bri", Call::kPlain},
    {"statx", SYS_statx, "fsiiR", Call::kPlain},
    {"symlinkat", SYS_symlinkat, "sfs", Call::kPlain},
    {"umount2", SYS_umount2, "si", Call::kPlain},
    {"unlinkat", SYS_unlinkat, "fsi", Call::kPlain},
    {"unshare", SYS_unshare, "i", Call::kMoves},
    {"write", SYS_write, "fb", Call::kPlain},
};

constexpr size_t kSlack = 4096;  // behind what is given without its length: the kernel may read or write more

const Call* Find(const std::string& name) {
  for (const Call& call : kCalls) {
    if (name == call.name) return &call;
  }
  return nullptr;
}

// One argument as JavaScript gave it.
struct Given {
  char kind;
  int64_t number = 0;  // of i, f, and the sizes of rooms
  bool is_result = false;
  bool is_null = false;
  std::string text;
  Bytes bytes;
};

struct GivenStep {
  const Call* call;
  uint8_t flags;
  std::vector<Given> arguments;
};

struct Request {
  Where where;
  bool move;
  size_t size = 0;
  std::vector<GivenStep> steps;
};

int64_t NumberOf(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "Expected a number");
  return value.As<Napi::Number>().Int64Value();
}

bool BoolOf(const Napi::Value& value) { return value.IsBoolean() && value.As<Napi::Boolean>().Value(); }

Given GivenFd(const Napi::Value& value, Request* request, int step) {
  Given given{'f'};
  if (value.IsNumber()) {
    given.number = NumberOf(value);
    if (given.number >= 0) throw Napi::TypeError::New(value.Env(), "Expected a descriptor of nsnet's");
  } else if (value.IsArray()) {
    given.number = NumberOf(value.As<Napi::Array>().Get(0u));
    given.is_result = true;
    if (given.number < 0 || given.number >= step) throw Napi::TypeError::New(value.Env(), "Expected an earlier step");
  } else {
    request->where.carried.push_back(UseFd(value));
    given.number = request->where.carried.back().Get();
    if (given.number < 0) request->where.closed = true;
  }
  return given;
}

Given GivenArgument(char kind, const Napi::Value& value, Request* request, int step) {
  if (kind == 'f') return GivenFd(value, request, step);
  Given given{kind};
  given.is_null = value.IsNull() || value.IsUndefined();
  if (kind == 'i') {
    given.number = NumberOf(value);
  } else if (kind == 's' && !given.is_null) {
    if (!value.IsString()) throw Napi::TypeError::New(value.Env(), "Expected a string");
    given.text = value.As<Napi::String>().Utf8Value();
    request->size += given.text.size() + 16;
  } else if (kind == 'b' || kind == 'B') {
    given.bytes = BytesOf(value);
    request->size += given.bytes.size() + kSlack;
  } else if (kind == 'r' || kind == 'R' || kind == 'n') {
    given.number = NumberOf(value);
    if (given.number < 0 || given.number > NSNET_DATA_SIZE) throw Napi::TypeError::New(value.Env(), "Expected a size");
    request->size += static_cast<size_t>(given.number) * (kind == 'n' ? 8 : 1) + kSlack;
  }
  return given;
}

GivenStep GivenStepOf(const Napi::Value& value, Request* request, int number) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "Expected a step");
  const auto list = value.As<Napi::Array>();
  const Call* call = Find(Napi::Value(list.Get(0u)).ToString());
  if (call == nullptr) throw Napi::TypeError::New(value.Env(), "Expected the name of a call");
  if (call->nature == Call::kMoves && !request->move)
    throw Napi::TypeError::New(value.Env(), "Expected a program that moves");
  if (call->nature == Call::kOwnTable && !request->where.own_memory)
    throw Napi::TypeError::New(value.Env(), "Expected a program of the stub's");
  GivenStep step{call, static_cast<uint8_t>(NumberOf(list.Get(1u)) & (NSNET_OPTIONAL | NSNET_ALWAYS)), {}};
  if (call->nature == Call::kOpens) step.flags |= BoolOf(list.Get(2u)) ? NSNET_KEEP : NSNET_TEMPORARY;
  for (uint32_t i = 0; call->signature[i] != 0; i++)
    step.arguments.push_back(GivenArgument(call->signature[i], list.Get(i + 3), request, number));
  return step;
}

// What became of it: the program, and where its rooms are.
struct Outcome {
  Outcome(size_t capacity, size_t steps) : program(capacity, static_cast<int>(steps)) {}
  Program program;
  std::vector<int64_t> results;
  std::vector<int> kept;
  std::vector<UniqueFd> opened;  // by those, for JavaScript to own; closed if it has ended meanwhile
  std::vector<std::pair<Argument, size_t>> rooms;
};

void AddStep(const GivenStep& step, Outcome* outcome) {
  Program& program = outcome->program;
  std::array<Argument, 6> all = {0, 0, 0, 0, 0, 0};
  size_t next = 0;
  const auto put = [&](const Argument& argument) {
    if (next < all.size()) all[next++] = argument;
  };
  for (const auto& given : step.arguments) {
    if (next == 1 && step.call->request != 0) put(Argument(step.call->request));
    switch (given.kind) {
      case 'i': put(Argument(static_cast<long>(given.number))); break;
      case 'f':
        put(given.is_result ? Program::Result(static_cast<int>(given.number))
                            : Argument(static_cast<long>(given.number)));
        break;
      case 's': put(given.is_null ? Argument(0) : program.Text(given.text)); break;
      case 'b':
      case 'B': {
        const Argument room = program.Room(given.bytes.size() + kSlack - 16);
        program.Put(room, given.bytes.data(), given.bytes.size());
        put(room);
        if (given.kind == 'b') put(Argument(static_cast<long>(given.bytes.size())));
        break;
      }
      default: {
        const size_t size = static_cast<size_t>(given.number) * (given.kind == 'n' ? 8 : 1);
        const Argument room = program.Room(size + kSlack - 16);
        outcome->rooms.emplace_back(room, size);
        put(room);
        if (given.kind != 'R') put(Argument(static_cast<long>(given.number)));
      }
    }
  }
  if (next == 1 && step.call->request != 0) put(Argument(step.call->request));
  const int number = program.Step(step.call->number, step.flags, {all[0], all[1], all[2], all[3], all[4], all[5]});
  if (step.flags & NSNET_KEEP) outcome->kept.push_back(number);
}

Napi::Value Told(Napi::Env env, const std::shared_ptr<Outcome>& outcome, int failed) {
  auto results = Napi::Array::New(env, outcome->results.size());
  for (size_t i = 0; i < outcome->results.size(); i++)
    results.Set(i, Napi::Number::New(env, static_cast<double>(outcome->results[i])));
  auto fds = Napi::Array::New(env, outcome->opened.size());
  for (size_t i = 0; i < outcome->opened.size(); i++) {
    UniqueFd& fd = outcome->opened[i];
    fds.Set(i, fd.Get() >= 0 ? WrapFd(env, std::move(fd)) : Napi::Value(env.Null()));
  }
  auto rooms = Napi::Array::New(env, outcome->rooms.size());
  for (size_t i = 0; i < outcome->rooms.size(); i++)
    rooms.Set(i, NewBytes(env, outcome->program.At(outcome->rooms[i].first), outcome->rooms[i].second));
  auto told = Napi::Array::New(env, 4);
  told.Set(0u, Napi::Number::New(env, failed));
  told.Set(1u, results);
  told.Set(2u, fds);
  told.Set(3u, rooms);
  return told;
}

Finish RunSteps(Request* request) {
  auto outcome = std::make_shared<Outcome>(request->size + kSlack, request->steps.size());
  for (const auto& step : request->steps) AddStep(step, outcome.get());
  const int error = Excursion::Run(request->where, outcome->program, request->move);
  const int failed = outcome->program.FailedStep();
  if (error < 0 && failed < 0) return Failure(error, outcome->program.FailedCall());
  for (size_t i = 0; i < request->steps.size(); i++)
    outcome->results.push_back(outcome->program.ResultOf(static_cast<int>(i)));
  for (const int step : outcome->kept) outcome->opened.push_back(failed < 0 ? outcome->program.Take(step) : UniqueFd());
  return [outcome, failed](Napi::Env env) -> Napi::Value { return Told(env, outcome, failed); };
}

// steps(where, ownMemory, move, steps) → [failed step or -1, results, descriptors to keep, rooms], or the failure of
// the clone. A step is [call, flags, whether to keep what it opens, …arguments]; a descriptor that an earlier one made
// is [its number]. With `move` it is done by a clone even if nothing is to be entered.
Napi::Value Steps(const Napi::CallbackInfo& info) {
  auto request = std::make_shared<Request>();
  request->where = Where::From(info[0], info[1]);
  request->move = BoolArgument(info, 2) || !request->where.entries.empty();
  if (!info[3].IsArray()) throw Napi::TypeError::New(info.Env(), "Expected an array of steps");
  const auto list = info[3].As<Napi::Array>();
  if (list.Length() > NSNET_MAX_STEPS - 16) throw Napi::TypeError::New(info.Env(), "Expected fewer steps");
  for (uint32_t i = 0; i < list.Length(); i++)
    request->steps.push_back(GivenStepOf(list.Get(i), request.get(), static_cast<int>(i)));
  return Submit(info.Env(), [request]() -> Finish {
    Finish finish = RunSteps(request.get());
    request->where = Where();
    return finish;
  });
}

}  // namespace

void InitSteps(Napi::Env env, Napi::Object exports) { Export(env, exports, "steps", Steps); }

}  // namespace nsnet
