// What the thread of all processes does: it clones the stub, hears from it, and waits for ends. It never waits for one
// process alone.
#ifndef NSNET_CHILDREN_LOOP_H_
#define NSNET_CHILDREN_LOOP_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <vector>

#include "children.h"
#include "fd.h"

namespace nsnet {

// All of one thread's.
class Loop {
 public:
  Loop(int epoll, int wake) : epoll_(epoll), wake_(wake) {}
  void Take(const std::shared_ptr<Child>& child);
  void Doom(const std::shared_ptr<Child>& child);
  void Answer(Child* child, int error);
  void EndOf(const void* owner);
  // Waits for what happens next; false if nothing did for a while, and there is nobody left.
  bool Wait();

 private:
  int Launch(Child* child);
  int Watch(int fd, const std::shared_ptr<Child>& child);
  void Forget(int fd);
  void Hear(const std::shared_ptr<Child>& child);
  void Started(const std::shared_ptr<Child>& child, int error);
  void Ended(const std::shared_ptr<Child>& child);
  void Drop(Child* child);
  void FindUntold();
  void Reap();

  UniqueFd epoll_;
  int wake_;
  UniqueFd stub_;
  std::map<int, std::shared_ptr<Child>> watched_;  // by a socket, or a pidfd
  std::vector<pid_t> reaped_;                      // that have ended, or will at once
};

}  // namespace nsnet

#endif  // NSNET_CHILDREN_LOOP_H_
