// Processes that were started here: one thread starts them, hears from the stub how far it is, and waits for their
// end. It lives for as long as there are any, since a process that dies with its parent (PR_SET_PDEATHSIG) dies with
// the thread that cloned it.
#ifndef NSNET_CHILDREN_H_
#define NSNET_CHILDREN_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "builder.h"
#include "fd.h"

namespace nsnet {

// What becomes of a process before it runs, and how it ended.
struct Child {
  std::shared_ptr<Request> request;
  int flags = 0;  // of its clone: namespaces
  // Files that are written when the stub asks for it; %p in either is its pid.
  std::vector<std::pair<std::string, std::string>> writes;
  // Instead of writing any: told the pid when the stub asks for it, and answers with Children::Answer.
  std::function<void(pid_t pid)> asked;
  bool detached = false;
  const void* owner = nullptr;  // whose end is its end, unless it is detached

  // Called on the thread, once: with 0, or why it did not start; the program tells the step.
  std::function<void(int error)> started;
  // Called on the thread, once, if it had started: CLD_EXITED, CLD_KILLED or CLD_DUMPED, and the code or signal.
  std::function<void(int code, int status)> ended;

  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd socket;
  bool ready = false;
  bool told = false;    // whether it started, or why not
  bool doomed = false;  // its owner has ended, or whoever wanted it wants it no more
};

class Children {
 public:
  // From any thread.
  static void Start(const std::shared_ptr<Child>& child);
  // That its ids are mapped: 0, or the number of an error.
  static void Answer(const std::shared_ptr<Child>& child, int error);
  // Kills it if it was not told of yet.
  static void Cancel(const std::shared_ptr<Child>& child);
  // Kills those of an owner that has ended.
  static void EndOf(const void* owner);
};

}  // namespace nsnet

#endif  // NSNET_CHILDREN_H_
