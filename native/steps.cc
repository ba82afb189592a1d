// A program of system calls put together in TypeScript: those of mounts (mount_setattr(2), fsopen(2), openat2(2)…) and
// of the files around them. Each call has a signature here, so that no pointer and no length comes from JavaScript.
#include <errno.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "arguments.h"
#include "builder.h"
#include "excursion.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

Napi::Value Told(Napi::Env env, const std::shared_ptr<Outcome>& outcome, int steps) {
  const Program& program = outcome->program;
  auto results = Napi::Int32Array::New(env, static_cast<size_t>(steps));
  std::copy(outcome->results.begin(), outcome->results.end(), results.Data());
  auto fds = Napi::Array::New(env, outcome->opened.size());
  for (size_t i = 0; i < outcome->opened.size(); i++) {
    UniqueFd& fd = outcome->opened[i];
    fds.Set(i, fd.Get() >= 0 ? WrapFd(env, std::move(fd)) : Napi::Value(env.Null()));
  }
  auto rooms = Napi::Array::New(env, outcome->rooms.size());
  for (size_t i = 0; i < outcome->rooms.size(); i++) {
    const auto& room = outcome->rooms[i];
    const bool filled = outcome->results[room.step] >= 0;
    rooms.Set(i, filled ? NewBytes(env, program.At(room.at), room.size) : Napi::Value(env.Null()));
  }
  auto told = Napi::Array::New(env, 4);
  told.Set(0u, Napi::Number::New(env, program.FailedStep()));
  told.Set(1u, results);
  told.Set(2u, fds);
  told.Set(3u, rooms);
  return told;
}

Finish Run(Request* request) {
  const auto outcome = request->outcome;
  Program& program = outcome->program;
  const int error = Excursion::Run(request->where, program, request->move);
  const int failed = program.FailedStep();
  if (error < 0 && failed < 0) return Failure(error, program.FailedCall());
  const int steps = static_cast<int>(outcome->room_of.size());
  // Before they are taken: a result that was is -1.
  for (int i = 0; i < steps; i++) outcome->results.push_back(static_cast<int32_t>(program.ResultOf(i)));
  std::vector<UniqueFd> opened;
  for (const int step : outcome->kept) opened.push_back(failed < 0 ? program.Take(step) : UniqueFd());
  outcome->opened = std::move(opened);
  return [outcome, steps](Napi::Env env) -> Napi::Value { return Told(env, outcome, steps); };
}

// Runs it, with a descriptor that is closed before, or after if all went well: on the same thread, and once nobody
// uses it any more.
void Start(const std::shared_ptr<Request>& request, const std::shared_ptr<FdBox>& closing, bool before,
           const std::shared_ptr<Pending>& pending) {
  const auto work = [request, closing, before, pending] {
    Finish finish = Run(request.get());
    const bool close = closing && !before && request->outcome->program.FailedStep() < 0;
    request->where = Where();
    const auto settle = [pending, finish](UniqueFd fd) {
      fd.Reset(-1);
      pending->Settle(finish);
    };
    if (!close || !closing->Close(settle)) pending->Settle(std::move(finish));
  };
  if (!closing || !before) return Threads().Post(work);
  const bool first = closing->Close([work](UniqueFd fd) {
    auto held = std::make_shared<UniqueFd>(std::move(fd));
    Threads().Post([work, held] {
      held->Reset(-1);
      work();
    });
  });
  if (!first) pending->Settle(Failure(-EBADF, "close"));
}

// stepCalls() → their names; a step begins with the place of its call in this list
Napi::Value StepCalls(const Napi::CallbackInfo& info) {
  const auto calls = CallNames();
  auto names = Napi::Array::New(info.Env(), calls.size());
  for (uint32_t i = 0; i < calls.size(); i++) names.Set(i, Napi::String::New(info.Env(), calls[i]));
  return names;
}

// steps(where, ownMemory, move, words, texts, bytes, descriptors, closing?, before?) → [failed step or -1, results,
// descriptors to keep, rooms], or the failure of the clone. A step is a word with its call and flags, and a word for
// each argument; texts, bytes and descriptors are taken in order by those that ask for them. With `move` it is done by
// a clone even if nothing is to be entered.
Napi::Value Steps(const Napi::CallbackInfo& info) {
  auto request = std::make_shared<Request>();
  request->where = Where::From(info[0], info[1]);
  request->move = BoolArgument(info, 2) || !request->where.entries.empty();
  request->Read(info, 3);
  std::shared_ptr<FdBox> closing;
  if (!info[7].IsUndefined()) closing = UnwrapFd(info[7]);
  const bool before = BoolArgument(info, 8);
  if (closing && before && request->where.Uses(*closing))
    throw Napi::TypeError::New(info.Env(), "Expected a descriptor that the program does not use");
  auto pending = Pending::New(info.Env());
  Start(request, closing, before, pending);
  return pending->Promise();
}

}  // namespace

void InitSteps(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "steps", Steps);
  Export(env, exports, "stepCalls", StepCalls);
}

}  // namespace nsnet
