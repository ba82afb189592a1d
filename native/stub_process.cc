#include "stub_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "clone.h"
#include "copies.h"
#include "excursion.h"
#include "fd.h"
#include "stub.h"

namespace nsnet {

namespace {

std::atomic<bool> force_temporary_file{false};

// First and last descriptor.
struct Range {
  unsigned first;
  unsigned last;
};

struct StubStart {
  int stub;
  int socket;
  int* kept;
  int kept_count;
  const Range* others;
  int others_count;
  const char* const* argv;
  const char* const* envp;
};

NSNET_BARE int ExecuteStub(void* argument) {
  auto* start = static_cast<StubStart*>(argument);
  // No CLONE_FILES here: the table is the clone's own. What is not for the stub is closed before the exec is done with,
  // as only that far it is waited for.
  for (int i = 0; i < start->others_count; i++)
    nsnet_syscall(SYS_close_range, start->others[i].first, start->others[i].last, 0, 0, 0, 0);
  for (int i = 0; i < start->kept_count; i++) nsnet_syscall(SYS_fcntl, start->kept[i], F_SETFD, 0, 0, 0, 0);
  nsnet_syscall(SYS_fcntl, start->socket, F_SETFD, 0, 0, 0, 0);
  const int64_t result =
      nsnet_syscall(SYS_execveat, start->stub, reinterpret_cast<int64_t>(""), reinterpret_cast<int64_t>(start->argv),
                    reinterpret_cast<int64_t>(start->envp), AT_EMPTY_PATH, 0);
  nsnet_syscall(SYS_exit, -result & 0xff, 0, 0, 0, 0, 0);
  return 0;
}

// All but these.
std::vector<Range> Others(std::vector<int> these) {
  std::sort(these.begin(), these.end());
  std::vector<Range> others;
  unsigned next = 0;
  for (const int fd : these) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > next) others.push_back({next, number - 1});
    next = number + 1;
  }
  others.push_back({next, ~0U});
  return others;
}

bool WriteAll(int fd, const void* data, size_t size) {
  auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = send(fd, bytes, size, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= written;
  }
  return true;
}

bool ReadAll(int fd, void* data, size_t size) {
  auto* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = read(fd, bytes, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    size -= got;
  }
  return true;
}

bool Fill(int fd) {
  size_t written = 0;
  while (written < sizeof kStub) {
    const ssize_t result = write(fd, kStub + written, sizeof kStub - written);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) return false;
    written += result;
  }
  return true;
}

}  // namespace

int OpenStub() {
  if (!force_temporary_file.load()) {
#ifndef MFD_EXEC
    constexpr unsigned MFD_EXEC = 0x10;  // 6.3; older kernels answer EINVAL and make it executable anyway
#endif
    int fd = memfd_create("nsnet-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) fd = memfd_create("nsnet-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0) {
      if (Fill(fd) && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0) return fd;
      close(fd);
    }
  }
  // vm.memfd_noexec=2, or a seccomp profile without memfd_create: a file without a name, opened again read-only
  // since a file open for writing cannot be executed (ETXTBSY).
  int error = EACCES;
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  for (const char* directory : {runtime ? runtime : "/dev/shm", "/dev/shm", "/tmp", "/var/tmp"}) {
    UniqueFd writable(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0700));
    if (writable.Get() < 0 || !Fill(writable.Get())) {
      error = errno;
      continue;
    }
    const std::string path = "/proc/self/fd/" + std::to_string(writable.Get());
    UniqueFd readable(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (readable.Get() >= 0 && faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return readable.Release();
    error = errno;
  }
  return -error;
}

namespace {

size_t SizeOf(const nsnet_program& program) { return size_t{program.data_at} + program.data_size; }

// Reads the answer's descriptors, then the program as it stands afterwards.
int ReadAnswer(int fd, nsnet_program* program) {
  char first;
  iovec vector = {&first, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * NSNET_MAX_KEPT)];
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got != 1) return got < 0 && errno != ECONNRESET ? -errno : -ECANCELED;
  int fds[NSNET_MAX_KEPT];
  size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
  }
  const bool read = !(message.msg_flags & MSG_CTRUNC) && ReadProgram(fd, program);
  const bool whole = read && program->failed >= -1 && program->failed < program->count;
  size_t next = 0;
  if (whole) {
    for (int i = 0; i < program->count; i++) {
      auto& step = program->steps[i];
      if (nsnet_keeps(program, i) && step.result >= 0) step.result = next < count ? fds[next++] : -EMFILE;
    }
  }
  for (; next < count; next++) close(fds[next]);
  if (message.msg_flags & MSG_CTRUNC) return -EMFILE;
  return whole ? 0 : -ECANCELED;
}

}  // namespace

bool WriteProgram(int socket, const nsnet_program* program) { return WriteAll(socket, program, SizeOf(*program)); }

bool ReadProgram(int socket, nsnet_program* program) {
  const nsnet_program sent = *program;
  const bool whole = ReadAll(socket, program, SizeOf(sent));
  // As they were: the stub changes none of these.
  program->count = sent.count;
  program->data_at = sent.data_at;
  program->data_size = sent.data_size;
  return whole;
}

pid_t StartStub(int stub, int socket, std::vector<int>& kept, int flags, int* pidfd) {
  const std::string number = std::to_string(socket);
  const char* argv[] = {"nsnet-stub", number.c_str(), nullptr};
  const char* envp[] = {nullptr};
  std::vector<int> its(kept);
  its.insert(its.end(), {0, 1, 2, stub, socket});
  const std::vector<Range> others = Others(its);
  StubStart start = {
      stub, socket, kept.data(), static_cast<int>(kept.size()), others.data(), static_cast<int>(others.size()),
      argv, envp};
  const Copy copy;
  return StartClone(ExecuteStub, &start, flags | CLONE_VFORK | (Excursion::MemoryIsShared() ? CLONE_VM : 0), pidfd);
}

void ForceTemporaryFile(bool force) { force_temporary_file = force; }

namespace {

int RunOnce(nsnet_program* steps, std::vector<int>& kept) {
  const int opened = OpenStub();
  if (opened < 0) return opened;
  UniqueFd stub(opened);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = StartStub(stub.Get(), theirs.Get(), kept, 0);
  if (pid < 0) return pid;
  theirs.Reset(-1);
  const int error = WriteProgram(ours.Get(), steps) ? ReadAnswer(ours.Get(), steps) : -ECANCELED;
  ours.Reset(-1);
  const int status = WaitForClone(pid);
  // An exec that failed tells its error number by the exit status; 255 is the stub's own.
  return error != 0 && status > 0 && status != 255 ? -status : error;
}

}  // namespace

int RunInStub(nsnet_program* steps, std::vector<int> kept) {
  // ETXTBSY: another thread's clone, on its way to an exec of its own, still has a copy of the descriptor by which the
  // unnamed file was written.
  int error = RunOnce(steps, kept);
  for (int tries = 0; error == -ETXTBSY && tries < 200; tries++) {
    usleep(500);
    error = RunOnce(steps, kept);
  }
  return error;
}

}  // namespace nsnet
