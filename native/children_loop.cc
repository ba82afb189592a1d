#include "children_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "clone.h"
#include "proc_files.h"
#include "stub_process.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

namespace nsnet {

namespace {

constexpr int kReapTime = 20;   // milliseconds
constexpr int kEndTime = 5;     // milliseconds; what is killed is mostly gone before
constexpr int kIdleTime = 250;  // milliseconds; then a thread without children ends

std::string WithPid(const std::string& text, pid_t pid) {
  std::string out = text;
  const size_t at = out.find("%p");
  if (at != std::string::npos) out.replace(at, 2, std::to_string(pid));
  return out;
}

bool Readable(int fd) {
  pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, 0) > 0;
}

}  // namespace

void Loop::Answer(Child* child, int error) {
  const auto byte = static_cast<uint8_t>(error);
  send(child->socket.Get(), &byte, 1, MSG_NOSIGNAL);
}

int Loop::Watch(int fd, const std::shared_ptr<Child>& child) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.Get(), EPOLL_CTL_ADD, fd, &event) != 0) return -errno;
  watched_[fd] = child;
  return 0;
}

void Loop::Forget(int fd) {
  epoll_ctl(epoll_.Get(), EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(fd);
}

void Loop::Take(const std::shared_ptr<Child>& child) {
  if (child->doomed) return Started(child, -ECANCELED);
  const int error = Launch(child.get());
  if (error != 0) return Started(child, error);
  // The end of the first, too: a sibling that it could not tell of would wait for ever.
  const int failed = Watch(child->socket.Get(), child) | Watch(child->pidfd.Get(), child);
  if (failed != 0) Started(child, failed);
}

int Loop::Launch(Child* child) {
  const Where& where = child->request->where;
  nsnet_program* program = child->request->outcome->program.Memory();
  if (where.closed) return -EBADF;
  if (program == nullptr) return -E2BIG;
  // What is not sealed is a new one each time: where it was executed it may have been written since.
  const int seals = stub_.Get() < 0 ? 0 : std::max(0, fcntl(stub_.Get(), F_GET_SEALS));
  if (!(seals & F_SEAL_WRITE)) {
    const int stub = OpenStub();
    if (stub < 0) return stub;
    stub_.Reset(stub);
  }
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
  UniqueFd ours(pair[0]), theirs(pair[1]);
  std::vector<int> kept;
  for (const auto& fd : where.carried) kept.push_back(fd.Get());
  int pidfd = -1;
  const pid_t pid = StartStub(stub_.Get(), theirs.Get(), kept, child->flags | CLONE_PIDFD, &pidfd);
  if (pid < 0) return pid;
  child->pid = pid;
  child->pidfd.Reset(pidfd);
  theirs.Reset(-1);
  if (!WriteProgram(ours.Get(), program)) {
    const int status = WaitForClone(pid);
    return status > 0 && status != 255 ? -status : -ECANCELED;
  }
  child->socket = std::move(ours);
  return 0;
}

// The next byte of the stub's, with a descriptor that may come with it.
void Loop::Hear(const std::shared_ptr<Child>& child) {
  char word = 0;
  iovec vector = {&word, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(child->socket.Get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return;
  UniqueFd carried;
  const cmsghdr* header = got == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    carried.Reset(fd);
  }
  // Nobody has the other end any more: it was closed by the exec, or its process is gone.
  if (got != 1) return Started(child, child->ready ? 0 : -ECANCELED);
  switch (word) {
    case NSNET_ASKS: {
      if (child->asked) {
        child->asked(child->pid);
        break;
      }
      int error = 0;
      for (const auto& [path, text] : child->writes) {
        if (error == 0) error = WriteFile(WithPid(path, child->pid), WithPid(text, child->pid));
      }
      Answer(child.get(), error);
      break;
    }
    case NSNET_SIBLING: {
      // Out of descriptors: it does not go on before it is answered, and ends when the socket does.
      if (carried.Get() < 0) return Started(child, -EMFILE);
      // The first one has ended, or is about to.
      Forget(child->pidfd.Get());
      reaped_.push_back(child->pid);
      child->pidfd = std::move(carried);
      child->pid = PidOf(child->pidfd.Get());
      const int error = Watch(child->pidfd.Get(), child);
      if (error != 0 || child->pid < 0) return Started(child, error != 0 ? error : -EMFILE);
      Answer(child.get(), 0);
      break;
    }
    case NSNET_THERE: Answer(child.get(), 0); break;
    case NSNET_STARTS: child->ready = true; break;
    default: {
      nsnet_program* program = child->request->outcome->program.Memory();
      nsnet_failure failure = {};
      const size_t rest = sizeof failure - sizeof failure.word;
      const ssize_t size = recv(child->socket.Get(), &failure.failed, rest, MSG_DONTWAIT);
      const bool told = size == static_cast<ssize_t>(rest) && failure.failed >= 0 && failure.failed < program->count &&
                        failure.result < 0;
      program->failed = told ? failure.failed : -1;
      Started(child, told ? failure.result : -ECANCELED);
    }
  }
}

// It ends at once; or, where it waits for a file system that does not answer, when that does: nobody waits for it.
void Loop::Drop(Child* child) {
  if (child->pidfd.Get() < 0) return;
  syscall(SYS_pidfd_send_signal, child->pidfd.Get(), SIGKILL, nullptr, 0);
  pollfd end = {child->pidfd.Get(), POLLIN, 0};
  siginfo_t info = {};
  const bool ended = poll(&end, 1, kEndTime) > 0 &&
                     waitid(static_cast<idtype_t>(P_PIDFD), end.fd, &info, WEXITED | WNOHANG | __WALL) == 0 &&
                     info.si_pid != 0;
  if (!ended) reaped_.push_back(child->pid);
}

// A stub that is killed between its clone and telling of it leaves a sibling that ends by itself, as the other end of
// its socket is gone, and that only its parent can wait for: this thread.
void Loop::FindUntold() {
  for (const pid_t pid : ChildrenOfThread()) {
    const auto is = [pid](const auto& entry) { return entry.second->pid == pid; };
    const bool known = std::any_of(watched_.begin(), watched_.end(), is) ||
                       std::find(reaped_.begin(), reaped_.end(), pid) != reaped_.end();
    if (!known && IsStub(pid)) reaped_.push_back(pid);
  }
}

void Loop::Started(const std::shared_ptr<Child>& child, int error) {
  if (child->told) return;
  child->told = true;
  if (child->socket.Get() >= 0) Forget(child->socket.Get());
  child->socket.Reset(-1);
  child->request->where = Where();
  if (error != 0 && child->pidfd.Get() >= 0) Forget(child->pidfd.Get());
  if (error != 0) {
    Drop(child.get());
    FindUntold();
    child->started(error);
    return;
  }
  child->request = nullptr;  // for as long as it runs nothing of it is needed
  child->started(0);
}

void Loop::Ended(const std::shared_ptr<Child>& child) {
  siginfo_t info = {};
  const int result = waitid(static_cast<idtype_t>(P_PIDFD), child->pidfd.Get(), &info, WEXITED | WNOHANG | __WALL);
  if (result == 0 && info.si_pid == 0) return;
  Forget(child->pidfd.Get());
  // Where somebody else has waited for it, nobody knows.
  if (result < 0) info = {};
  child->ended(info.si_code, info.si_status);
}

void Loop::EndOf(const void* owner) {
  std::vector<std::shared_ptr<Child>> ending;
  for (const auto& [fd, child] : watched_) {
    if (child->owner == owner && !child->detached) ending.push_back(child);
  }
  for (const auto& child : ending) Doom(child);
}

// One that has not started is told of at once: it may be where no signal reaches it for a while.
void Loop::Doom(const std::shared_ptr<Child>& child) {
  child->doomed = true;
  if (child->pidfd.Get() < 0) return;
  if (!child->told)
    Started(child, -ECANCELED);
  else
    syscall(SYS_pidfd_send_signal, child->pidfd.Get(), SIGKILL, nullptr, 0);
}

void Loop::Reap() {
  const auto gone = [](pid_t pid) { return waitpid(pid, nullptr, __WALL | WNOHANG) != 0; };
  reaped_.erase(std::remove_if(reaped_.begin(), reaped_.end(), gone), reaped_.end());
}

bool Loop::Wait() {
  Reap();
  epoll_event events[64];
  const int count =
      epoll_wait(epoll_.Get(), events, 64, reaped_.empty() ? (watched_.empty() ? kIdleTime : -1) : kReapTime);
  if (count == 0) return !reaped_.empty();
  for (int i = 0; i < count; i++) {
    const int fd = events[i].data.fd;
    if (fd == wake_) {
      eventfd_t value;
      eventfd_read(wake_, &value);
      continue;
    }
    const auto found = watched_.find(fd);
    if (found == watched_.end()) continue;
    const auto child = found->second;
    if (fd == child->socket.Get() || (child->socket.Get() >= 0 && Readable(child->socket.Get())))
      Hear(child);
    else if (child->socket.Get() < 0)
      Ended(child);
    else if (Readable(child->pidfd.Get()))  // not an event of one that had this number before
      // The first one may still have its copy of the socket.
      Started(child, child->ready ? 0 : -ECANCELED);
  }
  return true;
}

}  // namespace nsnet
