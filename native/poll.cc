// One thread that waits for descriptors to become readable or writable, or to report what is urgent (EPOLLPRI, as a
// table of mounts that has changed), for as long as there are any to wait for.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>

#include "arguments.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr napi_type_tag kWatchTag = {0x6e736e6574207761, 0x41c7d0832be9f516};

// A descriptor watched for one environment. `armed` and `callback` belong to its JavaScript thread.
struct Watch {
  FdUse use;
  std::shared_ptr<Environment> environment;
  Napi::FunctionReference callback;
  uint64_t id = 0;
  uint32_t events = EPOLLIN;
  bool armed = false;
  bool closed = false;
  bool held = true;  // whether it keeps the event loop alive while it is armed

  void Hold(Napi::Env env) const {
    if (held) environment->Hold(env);
  }
  void Unhold(Napi::Env env) const {
    if (held) environment->Unhold(env);
  }
};

class Poller {
 public:
  int Add(const std::shared_ptr<Watch>& watch);
  int Arm(const Watch& watch);
  void Remove(const Watch& watch);

 private:
  struct Descriptors {
    int epoll;
    int wake;
  };

  static void* Main(void* descriptors);
  int Start();
  void End();
  void Wait(int epoll, int wake);

  std::mutex mutex_;
  std::map<uint64_t, std::weak_ptr<Watch>> watches_;
  uint64_t next_ = 1;
  int epoll_ = -1;
  int wake_ = -1;
};

Poller& ThePoller() {
  static auto* poller = new Poller();
  return *poller;
}

int Poller::Add(const std::shared_ptr<Watch>& watch) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (epoll_ < 0) {
    const int error = Start();
    if (error < 0) return error;
  }
  watch->id = next_++;
  // Disarmed: one shot, of nothing. Errors are reported all the same, but once.
  epoll_event event = {EPOLLONESHOT, {}};
  event.data.u64 = watch->id;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, watch->use.Get(), &event) != 0) {
    const int error = -errno;
    if (watches_.empty()) End();
    return error;
  }
  watches_[watch->id] = watch;
  return 0;
}

int Poller::Start() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC)), wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll.Get() < 0 || wake.Get() < 0) return -errno;
  epoll_event event = {EPOLLIN, {}};
  event.data.u64 = 0;
  if (epoll_ctl(epoll.Get(), EPOLL_CTL_ADD, wake.Get(), &event) != 0) return -errno;
  auto descriptors = std::make_unique<Descriptors>(Descriptors{epoll.Get(), wake.Get()});
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, Main, descriptors.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return -error;
  pthread_detach(thread);
  descriptors.release();
  epoll_ = epoll.Release();
  wake_ = wake.Release();
  return 0;
}

// The thread ends, and closes its descriptors.
void Poller::End() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
  epoll_ = wake_ = -1;
}

int Poller::Arm(const Watch& watch) {
  std::lock_guard<std::mutex> lock(mutex_);
  epoll_event event = {watch.events | EPOLLONESHOT, {}};
  event.data.u64 = watch.id;
  return epoll_ctl(epoll_, EPOLL_CTL_MOD, watch.use.Get(), &event) == 0 ? 0 : -errno;
}

void Poller::Remove(const Watch& watch) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (watches_.erase(watch.id) == 0) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, watch.use.Get(), nullptr);
  if (watches_.empty()) End();
}

// The thread has its own note of the descriptors: by the time it runs, they may be another thread's.
void* Poller::Main(void* data) {
  pthread_setname_np(pthread_self(), "nsnet-poll");
  const std::unique_ptr<Descriptors> descriptors(static_cast<Descriptors*>(data));
  ThePoller().Wait(descriptors->epoll, descriptors->wake);
  return nullptr;
}

void Poller::Wait(int epoll, int wake) {
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(epoll, events, 64, -1);
    if (count < 0 && errno != EINTR) break;
    bool ended = false;
    for (int i = 0; i < count; i++) {
      if (events[i].data.u64 == 0) {
        ended = true;
        continue;
      }
      std::shared_ptr<Watch> watch;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        auto found = watches_.find(events[i].data.u64);
        if (found != watches_.end()) watch = found->second.lock();
      }
      if (!watch) continue;
      auto environment = watch->environment;
      environment->Call([watch = std::move(watch)](Napi::Env env) {
        if (watch->closed || !watch->armed) return;
        watch->armed = false;
        watch->Unhold(env);
        watch->callback.Call({});
      });
    }
    if (ended) break;
  }
  close(epoll);
  close(wake);
}

std::shared_ptr<Watch> UnwrapWatch(const Napi::Value& value) {
  bool ours = false;
  void* data = nullptr;
  const bool found = value.IsObject() && napi_check_object_type_tag(value.Env(), value, &kWatchTag, &ours) == napi_ok &&
                     ours && napi_unwrap(value.Env(), value, &data) == napi_ok;
  if (!found) throw Napi::TypeError::New(value.Env(), "Expected a watch of nsnet's");
  return *static_cast<std::shared_ptr<Watch>*>(data);
}

void Unwatch(Watch* watch) {
  if (std::exchange(watch->closed, true)) return;
  ThePoller().Remove(*watch);
  watch->use = FdUse();
}

void Stop(Watch* watch) {
  Unwatch(watch);
  watch->callback.Reset();
}

uint32_t EventsOf(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsUndefined()) return EPOLLIN;
  const std::string what = StringArgument(info, index);
  if (what == "urgent") return EPOLLPRI;
  return what == "write" ? EPOLLOUT : EPOLLIN;
}

// watch(fd, callback, 'read', 'write' or 'urgent') → a watch, disarmed, or -errno
Napi::Value NewWatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto watch = std::make_shared<Watch>();
  watch->use = UseFd(info[0]);
  if (!watch->use) return Napi::Number::New(env, -EBADF);
  if (!info[1].IsFunction()) throw Napi::TypeError::New(env, "Expected a function");
  watch->events = EventsOf(info, 2);
  watch->environment = Environment::Of(env);
  const int error = ThePoller().Add(watch);
  if (error < 0) return Napi::Number::New(env, error);
  watch->callback = Napi::Persistent(info[1].As<Napi::Function>());
  auto holder = std::make_unique<std::shared_ptr<Watch>>(watch);
  auto object = Napi::Object::New(env);
  const auto finalize = [](napi_env env, void* data, void*) {
    std::unique_ptr<std::shared_ptr<Watch>> held(static_cast<std::shared_ptr<Watch>*>(data));
    (*held)->environment->Forget(held.get());
    if (std::exchange((*held)->armed, false)) (*held)->Unhold(env);
    Stop(held->get());
  };
  if (napi_wrap(env, object, holder.get(), finalize, nullptr, nullptr) != napi_ok) {
    Stop(watch.get());
    throw Napi::Error::New(env);
  }
  watch->environment->AtEnd(holder.get(), [watch] { Unwatch(watch.get()); });
  holder.release();
  if (napi_type_tag_object(env, object, &kWatchTag) != napi_ok) throw Napi::Error::New(env);
  return object;
}

// Calls back once when there is what it waits for; until then it keeps the event loop alive.
Napi::Value ArmWatch(const Napi::CallbackInfo& info) {
  auto watch = UnwrapWatch(info[0]);
  if (watch->closed) return Napi::Number::New(info.Env(), -EBADF);
  if (watch->armed) return Napi::Number::New(info.Env(), 0);
  watch->armed = true;
  watch->Hold(info.Env());
  const int error = ThePoller().Arm(*watch);
  if (error < 0) {
    watch->armed = false;
    watch->Unhold(info.Env());
  }
  return Napi::Number::New(info.Env(), error);
}

// watchHold(watch, held): whether it keeps the event loop alive while it is armed, as it does unless told otherwise
Napi::Value HoldWatch(const Napi::CallbackInfo& info) {
  auto watch = UnwrapWatch(info[0]);
  const bool held = BoolArgument(info, 1);
  if (held == watch->held) return info.Env().Undefined();
  if (watch->armed) watch->Unhold(info.Env());
  watch->held = held;
  if (watch->armed) watch->Hold(info.Env());
  return info.Env().Undefined();
}

Napi::Value CloseWatch(const Napi::CallbackInfo& info) {
  auto watch = UnwrapWatch(info[0]);
  if (watch->armed) {
    watch->armed = false;
    watch->Unhold(info.Env());
  }
  Stop(watch.get());
  return info.Env().Undefined();
}

}  // namespace

void InitPoll(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "watch", NewWatch);
  Export(env, exports, "watchArm", ArmWatch);
  Export(env, exports, "watchHold", HoldWatch);
  Export(env, exports, "watchClose", CloseWatch);
}

}  // namespace nsnet
