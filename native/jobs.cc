#include "jobs.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <utility>

namespace nsnet {

namespace {

// Most jobs wait for the kernel's rtnl lock, or hold it; more threads would only queue there…
constexpr int kThreads = 4;
// …unless all of these have been stuck for a while, which must not stop what needs no such lock.
constexpr int kMaxThreads = 32;
constexpr auto kStuckTime = std::chrono::milliseconds(20);
constexpr auto kIdleTime = std::chrono::milliseconds(250);
// Then the rest of the event loop has its turn.
constexpr auto kDeliveryTime = std::chrono::milliseconds(3);

}  // namespace

ThreadPool& Threads() {
  static auto* pool = new ThreadPool();  // never destroyed: threads outlive static destruction
  return *pool;
}

void ThreadPool::Post(Task task) {
  std::unique_lock<std::mutex> lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ >= static_cast<int>(tasks_.size())) {
    lock.unlock();  // or whoever wakes would find it held
    wake_.notify_one();
    return;
  }
  if (threads_ < kThreads)
    Start(Main);
  else
    KeepWatch();
  if (threads_ > 0) return;
  // Not one thread could be started: the caller's does the work.
  while (!tasks_.empty()) {
    Task first = std::move(tasks_.front());
    tasks_.pop_front();
    mutex_.unlock();
    first();
    first = nullptr;
    mutex_.lock();
  }
}

// Called with the lock held.
bool ThreadPool::Start(void* (*main)(void*)) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, main, this) == 0;
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started && main == Main) threads_++;
  return started;
}

// With tasks waiting and every thread at work, one more thread sees to it that there is progress.
void ThreadPool::KeepWatch() {
  if (!watched_ && threads_ < kMaxThreads) watched_ = Start(Watch);
}

void* ThreadPool::Watch(void* data) {
  pthread_setname_np(pthread_self(), "nsnet-watch");
  auto* pool = static_cast<ThreadPool*>(data);
  std::unique_lock<std::mutex> lock(pool->mutex_);
  while (!pool->tasks_.empty() && pool->threads_ < kMaxThreads) {
    const auto taken = pool->taken_;
    pool->progress_.wait_for(lock, kStuckTime);
    if (taken == pool->taken_ && !pool->tasks_.empty() && pool->idle_ == 0) pool->Start(Main);
  }
  pool->watched_ = false;
  return nullptr;
}

void* ThreadPool::Main(void* pool) {
  pthread_setname_np(pthread_self(), "nsnet");
  static_cast<ThreadPool*>(pool)->Work();
  return nullptr;
}

void ThreadPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    idle_++;
    const bool some = wake_.wait_for(lock, kIdleTime, [this] { return !tasks_.empty(); });
    idle_--;
    if (!some) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    taken_++;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  threads_--;
}

void TaskQueue::Post(Task task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
    if (running_) return;
    running_ = true;
  }
  Threads().Post([self = shared_from_this()] { self->Drain(); });
}

size_t TaskQueue::Size() {
  std::lock_guard<std::mutex> lock(mutex_);
  return tasks_.size() + (running_ ? 1 : 0);
}

void TaskQueue::Drain() {
  for (;;) {
    Task task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (tasks_.empty()) {
        running_ = false;
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

std::shared_ptr<Environment> Environment::Of(Napi::Env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  if (data == nullptr) throw Napi::Error::New(env, "nsnet was not initialised in this environment");
  return *static_cast<std::shared_ptr<Environment>*>(data);
}

void Environment::Init(Napi::Env env) {
  auto environment = std::make_shared<Environment>();
  napi_value name;
  napi_create_string_utf8(env, "nsnet", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, Deliver,
                                      &environment->function_) != napi_ok)
    throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, environment->function_);
  auto* held = new std::shared_ptr<Environment>(environment);
  napi_set_instance_data(
      env, held, [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Environment>*>(data); }, nullptr);
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        auto* kept = static_cast<std::shared_ptr<Environment>*>(data);
        (*kept)->End();
        delete kept;
      },
      new std::shared_ptr<Environment>(environment));
}

void Environment::AtEnd(const void* key, Task task) {
  if (!ended_) at_end_.emplace(key, std::move(task));
}

void Environment::Forget(const void* key) { at_end_.erase(key); }

void Environment::End() {
  for (auto& [key, task] : std::exchange(at_end_, {})) task();
  std::vector<std::function<void(Napi::Env)>> dropped;
  std::lock_guard<std::mutex> wake_lock(wake_mutex_);
  std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  dropped.swap(calls_);
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
}

void Environment::Call(std::function<void(Napi::Env)> call) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) return;
    calls_.push_back(std::move(call));
    if (calls_.size() > 1) return;  // a delivery is on its way
  }
  Wake();
}

void Environment::Deliver(napi_env env, napi_value, void*, void* data) {
  std::unique_ptr<std::shared_ptr<Environment>> self(static_cast<std::shared_ptr<Environment>*>(data));
  std::vector<std::function<void(Napi::Env)>> calls;
  {
    std::lock_guard<std::mutex> lock((*self)->mutex_);
    calls.swap((*self)->calls_);
  }
  if (env == nullptr) return;  // the environment is ending: what the calls hold is let go
  const auto until = std::chrono::steady_clock::now() + kDeliveryTime;
  size_t next = 0;
  while (next < calls.size() && (next == 0 || std::chrono::steady_clock::now() < until)) {
    Napi::HandleScope scope(env);
    try {
      calls[next](env);
    } catch (const Napi::Error&) {
      // Only a terminating Worker gets here: nothing can run in it any more.
    }
    calls[next++] = nullptr;
  }
  if (next < calls.size()) (*self)->CallLater(&calls, next);
}

void Environment::CallLater(std::vector<std::function<void(Napi::Env)>>* calls, size_t from) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) return;
    const bool on_its_way = !calls_.empty();
    calls_.insert(calls_.begin(), std::make_move_iterator(calls->begin() + static_cast<ptrdiff_t>(from)),
                  std::make_move_iterator(calls->end()));
    if (on_its_way) return;
  }
  Wake();
}

// With a lock of its own: the JavaScript thread, once woken, must not find the calls' held by whoever woke it.
void Environment::Wake() {
  std::lock_guard<std::mutex> lock(wake_mutex_);
  if (ended_) return;
  auto* self = new std::shared_ptr<Environment>(shared_from_this());
  if (napi_call_threadsafe_function(function_, self, napi_tsfn_nonblocking) != napi_ok) {
    delete self;
    ended_ = true;
  }
}

void Environment::Hold(Napi::Env env) {
  if (held_++ == 0) napi_ref_threadsafe_function(env, function_);
}

void Environment::Unhold(Napi::Env env) {
  if (--held_ == 0 && !ended_) napi_unref_threadsafe_function(env, function_);
}

Pending::Pending(Napi::Env env, std::shared_ptr<Environment> environment)
    : environment_(std::move(environment)),
      deferred_(std::make_unique<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env))),
      promise_(deferred_->Promise()) {
  environment_->Hold(env);
}

std::shared_ptr<Pending> Pending::New(Napi::Env env) { return std::make_shared<Pending>(env, Environment::Of(env)); }

void Pending::Settle(Finish finish) {
  environment_->Call([self = shared_from_this(), finish = std::move(finish)](Napi::Env env) {
    self->environment_->Unhold(env);
    self->deferred_->Resolve(finish(env));
  });
}

Napi::Value Submit(Napi::Env env, std::function<Finish()> work) {
  auto pending = Pending::New(env);
  auto promise = pending->Promise();
  Threads().Post([pending, work = std::move(work)]() mutable {
    Finish finish = work();
    work = nullptr;  // its uses of descriptors end before the promise settles
    pending->Settle(std::move(finish));
  });
  return promise;
}

}  // namespace nsnet
