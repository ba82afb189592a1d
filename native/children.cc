#include "children.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <deque>
#include <mutex>

#include "children_loop.h"

namespace nsnet {

namespace {

std::mutex mutex;
std::deque<std::function<void(Loop&)>>& Posted() {
  static auto* posted = new std::deque<std::function<void(Loop&)>>();
  return *posted;
}
std::shared_ptr<UniqueFd> wake;  // of the thread, if there is one

// What a new thread is given.
struct Waiting {
  UniqueFd epoll;
  std::shared_ptr<UniqueFd> wake;
};

void* Main(void* given) {
  const std::unique_ptr<Waiting> waiting(static_cast<Waiting*>(given));
  pthread_setname_np(pthread_self(), "nsnet-children");
  Loop loop(waiting->epoll.Release(), waiting->wake->Get());
  for (;;) {
    std::deque<std::function<void(Loop&)>> todo;
    {
      std::lock_guard<std::mutex> lock(mutex);
      todo.swap(Posted());
    }
    for (auto& call : todo) call(loop);
    if (!todo.empty()) continue;
    if (loop.Wait()) continue;
    std::lock_guard<std::mutex> lock(mutex);
    if (!Posted().empty()) continue;
    wake = nullptr;
    return nullptr;
  }
}

// Called with the lock held: 0, or -errno.
int StartThread() {
  auto given = std::make_unique<Waiting>();
  given->epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  given->wake = std::make_shared<UniqueFd>(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (given->epoll.Get() < 0 || given->wake->Get() < 0) return -errno;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = given->wake->Get();
  if (epoll_ctl(given->epoll.Get(), EPOLL_CTL_ADD, given->wake->Get(), &event) != 0) return -errno;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread;
  wake = given->wake;
  const int error = pthread_create(&thread, &attributes, Main, given.get());
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    wake = nullptr;
    return -error;
  }
  (void)given.release();  // the thread's now
  return 0;
}

int Post(std::function<void(Loop&)> call) {
  std::shared_ptr<UniqueFd> thread;
  {
    std::lock_guard<std::mutex> lock(mutex);
    const int error = wake ? 0 : StartThread();
    if (error != 0) return error;
    Posted().push_back(std::move(call));
    thread = wake;
  }
  eventfd_write(thread->Get(), 1);  // without the lock, which it takes first of all
  return 0;
}

}  // namespace

void Children::Start(const std::shared_ptr<Child>& child) {
  const int error = Post([child](Loop& loop) { loop.Take(child); });
  if (error != 0) child->started(error);
}

void Children::Answer(const std::shared_ptr<Child>& child, int error) {
  Post([child, error](Loop& loop) {
    if (!child->told && child->socket.Get() >= 0) loop.Answer(child.get(), error);
  });
}

// One that runs is its pidfd's business.
void Children::Cancel(const std::shared_ptr<Child>& child) {
  Post([child](Loop& loop) {
    if (!child->told) loop.Doom(child);
  });
}

void Children::EndOf(const void* owner) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!wake) return;
  }
  Post([owner](Loop& loop) { loop.EndOf(owner); });
}

}  // namespace nsnet
