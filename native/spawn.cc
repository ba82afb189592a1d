// Starting processes, and what can be done with them while they run.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "arguments.h"
#include "builder.h"
#include "children.h"
#include "excursion.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

// What tells JavaScript of a process's end. On the JavaScript thread alone.
struct Telling {
  std::shared_ptr<Environment> environment;
  Napi::FunctionReference callback;
  Napi::FunctionReference ask;
  bool held = false;

  void Forget() {
    callback.Reset();
    ask.Reset();
  }

  void Hold(Napi::Env env, bool hold) {
    if (hold == held) return;
    held = hold;
    if (hold)
      environment->Hold(env);
    else
      environment->Unhold(env);
  }
};

// Asks JavaScript, once, to map the ids of a stub that waits for it.
void AskFor(const std::shared_ptr<Child>& child, const std::shared_ptr<Telling>& telling) {
  child->asked = [telling, weak = std::weak_ptr<Child>(child)](pid_t pid) {
    telling->environment->Call([telling, weak, pid](Napi::Env env) {
      const auto answer = [weak](const Napi::CallbackInfo& info) {
        if (const auto waiting = weak.lock()) Children::Answer(waiting, IntArgument(info, 0));
      };
      if (!telling->ask.IsEmpty()) telling->ask.Call({Napi::Number::New(env, pid), Napi::Function::New(env, answer)});
      telling->ask.Reset();
    });
  };
}

Napi::Value NotStarted(Napi::Env env, int step, int error) {
  auto told = Napi::Array::New(env, 2);
  told.Set(0u, Napi::Number::New(env, step));
  told.Set(1u, Napi::Number::New(env, error));
  return told;
}

// Nobody could ever stop it: it ends, and did not start.
void TooMany(const std::shared_ptr<Pending>& pending, const std::shared_ptr<Child>& child) {
  syscall(SYS_pidfd_send_signal, child->pidfd.Get(), SIGKILL, nullptr, 0);
  pending->Settle([](Napi::Env env) { return NotStarted(env, -1, -EMFILE); });
}

// spawn(flags, detached, writes or asked, ended, words, texts, bytes, descriptors) → [promise, cancel]; the promise's
// value is [pid, pidfd, hold], or [failed step or -1, errno] if it did not start. cancel() kills what has not.
// asked(pid, answer) is to answer(0), or with the number of an error, when its ids are mapped. `ended` is called with a
// CLD_… code and the exit code or signal; hold(false) lets the event loop end before that.
Napi::Value Spawn(const Napi::CallbackInfo& info) {
  auto child = std::make_shared<Child>();
  child->flags = IntArgument(info, 0);
  child->detached = BoolArgument(info, 1);
  if (!info[3].IsFunction()) throw Napi::TypeError::New(info.Env(), "Expected a function");
  auto telling = std::make_shared<Telling>();
  telling->environment = Environment::Of(info.Env());
  telling->callback = Napi::Persistent(info[3].As<Napi::Function>());
  // They may be dropped on another thread, after their environment.
  telling->callback.SuppressDestruct();
  if (info[2].IsFunction()) {
    telling->ask = Napi::Persistent(info[2].As<Napi::Function>());
    telling->ask.SuppressDestruct();
    AskFor(child, telling);
  } else if (info[2].IsArray()) {
    const auto writes = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i + 1 < writes.Length(); i += 2)
      child->writes.emplace_back(Napi::Value(writes.Get(i)).ToString(), Napi::Value(writes.Get(i + 1)).ToString());
  } else {
    throw Napi::TypeError::New(info.Env(), "Expected an array of files to write, or a function");
  }
  child->owner = telling->environment.get();
  child->request = std::make_shared<Request>();
  child->request->where.own_memory = true;
  child->request->move = true;
  child->request->starts = true;
  child->request->Read(info, 4);
  auto pending = Pending::New(info.Env());
  child->started = [pending, telling, child = std::weak_ptr<Child>(child)](int error) {
    const auto self = child.lock();
    if (error != 0)
      return pending->Settle([self, telling, error](Napi::Env env) -> Napi::Value {
        telling->Forget();
        return NotStarted(env, self->request->outcome->program.FailedStep(), error);
      });
    auto fd = std::make_shared<UniqueFd>(fcntl(self->pidfd.Get(), F_DUPFD_CLOEXEC, 0));
    if (fd->Get() < 0) return TooMany(pending, self);
    const pid_t pid = self->pid;
    pending->Settle([telling, fd, pid](Napi::Env env) -> Napi::Value {
      telling->Hold(env, true);
      auto told = Napi::Array::New(env, 3);
      told.Set(0u, Napi::Number::New(env, pid));
      told.Set(1u, WrapFd(env, std::move(*fd)));
      told.Set(2u, Napi::Function::New(env, [telling](const Napi::CallbackInfo& call) {
                 if (!telling->callback.IsEmpty()) telling->Hold(call.Env(), BoolArgument(call, 0));
               }));
      return told;
    });
  };
  child->ended = [telling](int code, int status) {
    telling->environment->Call([telling, code, status](Napi::Env env) {
      telling->Hold(env, false);
      telling->callback.Call({Napi::Number::New(env, code), Napi::Number::New(env, status)});
      telling->Forget();
    });
  };
  Children::Start(child);
  auto told = Napi::Array::New(info.Env(), 2);
  told.Set(0u, pending->Promise());
  told.Set(1u, Napi::Function::New(info.Env(), [child = std::weak_ptr<Child>(child)](const Napi::CallbackInfo&) {
             if (const auto wanted = child.lock()) Children::Cancel(wanted);
           }));
  return told;
}

// signalProcess(pidfd, signal) → 0 or -errno
Napi::Value SignalProcess(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  if (!fd) return Napi::Number::New(info.Env(), -EBADF);
  const long result = syscall(SYS_pidfd_send_signal, fd.Get(), IntArgument(info, 1), nullptr, 0);
  return Napi::Number::New(info.Env(), result < 0 ? -errno : 0);
}

// pipe() → [reading end, writing end], or -errno
Napi::Value Pipe(const Napi::CallbackInfo& info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Napi::Number::New(info.Env(), -errno);
  auto told = Napi::Array::New(info.Env(), 2);
  for (uint32_t i = 0; i < 2; i++) told.Set(i, WrapFd(info.Env(), UniqueFd(ends[i])));
  return told;
}

int SetSize(int fd, int columns, int rows) {
  winsize size = {};
  size.ws_col = static_cast<uint16_t>(columns);
  size.ws_row = static_cast<uint16_t>(rows);
  return ioctl(fd, TIOCSWINSZ, &size) == 0 ? 0 : -errno;
}

// openTerminal(columns, rows) → [this side, the program's], or -errno. The latter without a path (TIOCGPTPEER, 4.13):
// /dev/pts may be another's where the program is.
Napi::Value OpenTerminal(const Napi::CallbackInfo& info) {
  UniqueFd own(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  int locked = 0;
  if (own.Get() < 0 || ioctl(own.Get(), TIOCSPTLCK, &locked) != 0) return Napi::Number::New(info.Env(), -errno);
  UniqueFd peer(ioctl(own.Get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (peer.Get() < 0) return Napi::Number::New(info.Env(), -errno);
  const int error = SetSize(own.Get(), IntArgument(info, 0), IntArgument(info, 1));
  if (error < 0) return Napi::Number::New(info.Env(), error);
  auto told = Napi::Array::New(info.Env(), 2);
  told.Set(0u, WrapFd(info.Env(), std::move(own)));
  told.Set(1u, WrapFd(info.Env(), std::move(peer)));
  return told;
}

// resizeTerminal(fd, columns, rows) → 0 or -errno
Napi::Value ResizeTerminal(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const int error = fd ? SetSize(fd.Get(), IntArgument(info, 1), IntArgument(info, 2)) : -EBADF;
  return Napi::Number::New(info.Env(), error);
}

}  // namespace

void InitSpawn(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "spawn", Spawn);
  Export(env, exports, "signalProcess", SignalProcess);
  Export(env, exports, "pipe", Pipe);
  Export(env, exports, "openTerminal", OpenTerminal);
  Export(env, exports, "resizeTerminal", ResizeTerminal);
  napi_add_env_cleanup_hook(
      env, [](void* owner) { Children::EndOf(owner); }, Environment::Of(env).get());
}

}  // namespace nsnet
