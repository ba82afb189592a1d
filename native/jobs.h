// Work off the JavaScript thread: a pool of native threads of our own (not libuv's, whose four threads a held
// kernel lock would take away from all of Node's file operations), and promises settled from them.
#ifndef NSNET_JOBS_H_
#define NSNET_JOBS_H_

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace nsnet {

using Task = std::function<void()>;
using Finish = std::function<Napi::Value(Napi::Env)>;

// Threads that exit when they were idle for a while: a program at rest has none of ours.
class ThreadPool {
 public:
  void Post(Task task);

 private:
  static void* Main(void* pool);
  static void* Watch(void* pool);
  void Work();
  bool Start(void* (*main)(void*));
  void KeepWatch();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable progress_;  // never signalled: a wait that lets the lock go
  std::deque<Task> tasks_;
  int threads_ = 0;
  int idle_ = 0;
  size_t taken_ = 0;  // tasks so far
  bool watched_ = false;
};

ThreadPool& Threads();

// Tasks of one queue run one after another, in order, on whichever thread is free.
class TaskQueue : public std::enable_shared_from_this<TaskQueue> {
 public:
  void Post(Task task);
  // Tasks that have not ended, the running one included.
  size_t Size();

 private:
  void Drain();
  std::mutex mutex_;
  std::deque<Task> tasks_;
  bool running_ = false;
};

// What belongs to one JavaScript environment (the main thread, or a Worker).
class Environment : public std::enable_shared_from_this<Environment> {
 public:
  static std::shared_ptr<Environment> Of(Napi::Env env);
  static void Init(Napi::Env env);

  // From any thread: runs on the JavaScript thread, or is dropped if the environment has ended.
  void Call(std::function<void(Napi::Env)> call);
  // On the JavaScript thread: what is pending keeps the event loop alive.
  void Hold(Napi::Env env);
  void Unhold(Napi::Env env);
  // On the JavaScript thread: runs when the environment ends, unless forgotten. Deno runs no finalizers then.
  void AtEnd(const void* key, Task task);
  void Forget(const void* key);
  // From any thread: nobody is left to be told of anything.
  bool Ended() const { return ended_; }

 private:
  static void Deliver(napi_env env, napi_value, void* context, void* data);
  void CallLater(std::vector<std::function<void(Napi::Env)>>* calls, size_t from);
  void Wake();
  void End();

  std::mutex mutex_;
  std::vector<std::function<void(Napi::Env)>> calls_;
  std::mutex wake_mutex_;  // for function_; taken before mutex_
  napi_threadsafe_function function_ = nullptr;
  std::atomic<bool> ended_ = false;
  size_t held_ = 0;
  std::unordered_map<const void*, Task> at_end_;
};

// A promise that is settled from any thread. What `finish` captured is destroyed unused if the environment ends
// first, so descriptors on their way to JavaScript are closed and not lost.
class Pending : public std::enable_shared_from_this<Pending> {
 public:
  static std::shared_ptr<Pending> New(Napi::Env env);
  Napi::Value Promise() const { return promise_; }
  void Settle(Finish finish);

  Pending(Napi::Env env, std::shared_ptr<Environment> environment);

 private:
  std::shared_ptr<Environment> environment_;
  std::unique_ptr<Napi::Promise::Deferred> deferred_;
  Napi::Value promise_;
};

// Runs `work` on a thread and settles the promise it returns with what the function that `work` returns makes.
Napi::Value Submit(Napi::Env env, std::function<Finish()> work);

}  // namespace nsnet

#endif  // NSNET_JOBS_H_
