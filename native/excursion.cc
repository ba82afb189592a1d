#include "excursion.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "jobs.h"
#include "namespaces.h"
#include "stub.h"

namespace nsnet {

namespace {

constexpr size_t kStackSize = 64 * 1024;
std::atomic<bool> force_own_memory{false};
std::atomic<bool> force_temporary_file{false};

// A stack for the clone, with a guard page below; one a thread, for as long as the thread lives.
class Stack {
 public:
  Stack() {
    void* memory = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    base_ = static_cast<char*>(memory);
    mprotect(base_, 4096, PROT_NONE);
  }
  ~Stack() {
    if (base_ != nullptr) munmap(base_, kStackSize);
  }
  char* Top() const { return base_ == nullptr ? nullptr : base_ + kStackSize - 64; }

 private:
  char* base_ = nullptr;
};

char* StackTop() {
  static thread_local Stack stack;
  return stack.Top();
}

// Starts a clone and waits for it. Returns its exit status (0 or 1), or -errno.
int CloneAndWait(int (*main)(void*), void* argument, int flags) {
  char* top = StackTop();
  if (top == nullptr) return -ENOMEM;
  // exit_signal 0: nobody's SIGCHLD, and no wait(-1) of the program's but one with __WALL takes it from us.
  const pid_t pid = clone(main, top, flags, argument);
  if (pid < 0) return -errno;
  int status = 0;
  pid_t waited;
  do waited = waitpid(pid, &status, __WALL);
  while (waited < 0 && errno == EINTR);
  if (waited < 0) return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -ECANCELED;
}

NSNET_BARE int RunInClone(void* argument) {
  nsnet_run(static_cast<nsnet_program*>(argument));
  nsnet_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
  return 0;
}

NSNET_BARE int SetInClone(void* argument) {
  *static_cast<volatile int*>(argument) = 1;
  nsnet_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
  return 0;
}

struct StubStart {
  int stub;
  int socket;
  int* kept;
  int kept_count;
  const char* const* argv;
  const char* const* envp;
};

NSNET_BARE int StartStub(void* argument) {
  auto* start = static_cast<StubStart*>(argument);
  // No CLONE_FILES here: the table is the clone's own.
  for (int i = 0; i < start->kept_count; i++) nsnet_syscall(SYS_fcntl, start->kept[i], F_SETFD, 0, 0, 0, 0);
  nsnet_syscall(SYS_fcntl, start->socket, F_SETFD, 0, 0, 0, 0);
  const int64_t result =
      nsnet_syscall(SYS_execveat, start->stub, reinterpret_cast<int64_t>(""), reinterpret_cast<int64_t>(start->argv),
                    reinterpret_cast<int64_t>(start->envp), AT_EMPTY_PATH, 0);
  nsnet_syscall(SYS_exit, -result & 0xff, 0, 0, 0, 0, 0);
  return 0;
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

// A descriptor from which the stub can be executed, or -errno.
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

// Reads the answer's descriptors, then the program as it stands afterwards.
int ReadAnswer(int fd, nsnet_program* program, size_t size) {
  char first;
  iovec vector = {&first, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * NSNET_MAX_STEPS)];
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got != 1) return got < 0 ? -errno : -ECANCELED;
  int fds[NSNET_MAX_STEPS];
  size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
  }
  const bool whole = !(message.msg_flags & MSG_CTRUNC) && ReadAll(fd, program, size);
  size_t next = 0;
  if (whole && program->failed < 0) {
    for (int i = 0; i < program->count; i++) {
      auto& step = program->steps[i];
      if ((step.flags & NSNET_KEEP) && step.result >= 0) step.result = next < count ? fds[next++] : -EMFILE;
    }
  }
  for (; next < count; next++) close(fds[next]);
  if (message.msg_flags & MSG_CTRUNC) return -EMFILE;
  return whole ? 0 : -ECANCELED;
}

}  // namespace

Program::Program(size_t capacity) : capacity_(capacity) {
  auto* memory = static_cast<nsnet_program*>(calloc(1, offsetof(nsnet_program, data) + capacity));
  if (memory == nullptr) throw std::bad_alloc();
  memory->failed = -1;
  program_.reset(memory);
}

int Program::Step(long number, uint8_t flags, std::initializer_list<Argument> arguments) {
  if (program_->count == NSNET_MAX_STEPS) {
    overflow_ = true;
    return NSNET_MAX_STEPS - 1;
  }
  auto& step = program_->steps[program_->count];
  step.number = static_cast<int32_t>(number);
  step.flags = flags;
  step.result = -1;
  int i = 0;
  for (const auto& argument : arguments) {
    step.args[i] = argument.value;
    step.kinds[i++] = argument.kind;
  }
  return program_->count++;
}

Argument Program::Data(const void* bytes, size_t size) {
  const size_t at = (program_->data_size + 7) & ~size_t{7};
  if (at + size > capacity_ || at + size > NSNET_DATA_SIZE) {
    overflow_ = true;
    return Argument(NSNET_DATA, 0);
  }
  if (bytes != nullptr) memcpy(program_->data + at, bytes, size);
  program_->data_size = static_cast<uint32_t>(at + size);
  return Argument(NSNET_DATA, static_cast<int64_t>(at));
}

const char* Program::FailedCall() const {
  switch (failed_call_) {
    case SYS_setns: return "setns";
    case SYS_unshare: return "unshare";
    case SYS_openat: return "openat";
    case SYS_read: return "read";
    case SYS_write: return "write";
    case SYS_socket: return "socket";
    case SYS_mount: return "mount";
    case SYS_umount2: return "umount2";
    case SYS_prctl: return "prctl";
    default: return "clone";
  }
}

UniqueFd Program::Take(int step) {
  const int fd = static_cast<int>(program_->steps[step].result);
  program_->steps[step].result = -1;
  return UniqueFd(fd);
}

Where Where::From(const Napi::Value& list, const Napi::Value& own_memory) {
  Where where;
  where.own_memory = own_memory.IsBoolean() && own_memory.As<Napi::Boolean>().Value();
  if (list.IsUndefined() || list.IsNull()) return where;
  if (!list.IsArray()) throw Napi::TypeError::New(list.Env(), "Expected an array of namespaces to enter");
  const auto array = list.As<Napi::Array>();
  for (uint32_t i = 0; i + 1 < array.Length(); i += 2) {
    const Napi::Value type = array.Get(i + 1);
    if (!type.IsNumber()) throw Napi::TypeError::New(list.Env(), "Expected a namespace type");
    where.entries.push_back({UseFd(array.Get(i)), type.As<Napi::Number>().Int32Value()});
    if (!where.entries.back().fd) where.closed = true;
  }
  return where;
}

bool Where::EntersUser() const {
  for (const auto& entry : entries) {
    if (entry.type == CLONE_NEWUSER) return true;
  }
  return false;
}

bool Where::EntersForeignUser() const {
  for (const auto& entry : entries) {
    if (entry.type == CLONE_NEWUSER && !IsSharedUserNamespace(entry.fd.Get())) return true;
  }
  return false;
}

void Excursion::ForceOwnMemory(bool force) { force_own_memory = force; }
void Excursion::ForceTemporaryFile(bool force) { force_temporary_file = force; }

bool Excursion::MemoryIsShared() {
  static std::once_flag once;
  static bool shared = false;
  std::call_once(once, [] {
    volatile int seen = 0;
    const int status = CloneAndWait(SetInClone, const_cast<int*>(&seen), CLONE_VM | CLONE_VFORK | CLONE_FILES);
    shared = status == 0 && seen == 1;
  });
  return shared;
}

bool Excursion::UsesOwnMemory(const Where& where) {
  return where.own_memory || force_own_memory.load() || !MemoryIsShared();
}

int Excursion::Run(const Where& where, Program& program, bool move) {
  if (where.closed) return -EBADF;
  if (program.overflow_) return -E2BIG;
  nsnet_program* steps = program.program_.get();
  if (where.entries.empty() && !move) {
    nsnet_run(steps);
    if (steps->failed < 0) return 0;
    program.failed_call_ = steps->steps[steps->failed].number;
    return static_cast<int>(steps->steps[steps->failed].result);
  }
  const bool own_memory = UsesOwnMemory(where);
  const int joins = static_cast<int>(where.entries.size());
  const int prefix = joins + (own_memory && joins > 0 ? 1 : 0);
  if (steps->count + prefix > NSNET_MAX_STEPS) return -E2BIG;
  // The rule of excursion.h, kept here too whatever TypeScript asks for.
  for (const auto& entry : where.entries) {
    if (!own_memory && entry.type & (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWTIME)) return -EPERM;
  }
  // The joins come first; results that later steps name move with them.
  memmove(steps->steps + prefix, steps->steps, sizeof(nsnet_step) * steps->count);
  memset(static_cast<void*>(steps->steps), 0, sizeof(nsnet_step) * prefix);
  for (int i = prefix; i < steps->count + prefix; i++) {
    for (int j = 0; j < 6; j++) {
      if (steps->steps[i].kinds[j] == NSNET_RESULT) steps->steps[i].args[j] += prefix;
    }
  }
  int next = 0;
  if (prefix > joins) {
    // Whoever is inside must not ptrace the stub either: it holds descriptors of ours.
    steps->steps[next].number = SYS_prctl;
    steps->steps[next].args[0] = PR_SET_DUMPABLE;
    next++;
  }
  for (const auto& entry : where.entries) {
    steps->steps[next].number = SYS_setns;
    steps->steps[next].args[0] = entry.fd.Get();
    steps->steps[next].args[1] = entry.type;
    next++;
  }
  steps->count += prefix;
  int error = own_memory ? RunStub(where, program) : RunShared(program);
  if (error == 0 && steps->failed >= 0) {
    error = static_cast<int>(steps->steps[steps->failed].result);
    program.failed_call_ = steps->steps[steps->failed].number;
  }
  steps->count -= prefix;
  memmove(steps->steps, steps->steps + prefix, sizeof(nsnet_step) * steps->count);
  return error;
}

int Excursion::RunShared(Program& program) {
  nsnet_program* steps = program.program_.get();
  const int status = CloneAndWait(RunInClone, steps, CLONE_VM | CLONE_VFORK | CLONE_FILES);
  if (status == 0) return 0;
  // Killed half-way: what it had opened is in our table.
  for (int i = 0; i < steps->count; i++) {
    auto& step = steps->steps[i];
    if (step.done && step.result >= 0 && (step.flags & (NSNET_KEEP | NSNET_TEMPORARY)))
      close(static_cast<int>(step.result));
    step.result = -1;
  }
  return status < 0 ? status : -ECANCELED;
}

int Excursion::RunStub(const Where& where, Program& program) {
  nsnet_program* steps = program.program_.get();
  const int opened = OpenStub();
  if (opened < 0) return opened;
  UniqueFd stub(opened);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
  UniqueFd ours(pair[0]), theirs(pair[1]);
  std::vector<int> kept;
  for (const auto& entry : where.entries) kept.push_back(entry.fd.Get());
  const std::string number = std::to_string(theirs.Get());
  const char* argv[] = {"nsnet-stub", number.c_str(), nullptr};
  const char* envp[] = {nullptr};
  StubStart start = {stub.Get(), theirs.Get(), kept.data(), static_cast<int>(kept.size()), argv, envp};
  char* top = StackTop();
  if (top == nullptr) return -ENOMEM;
  const int flags = CLONE_VFORK | (MemoryIsShared() ? CLONE_VM : 0);
  const pid_t pid = clone(StartStub, top, flags, &start);
  if (pid < 0) return -errno;
  theirs.Reset(-1);
  const size_t size = offsetof(nsnet_program, data) + steps->data_size;
  int error = WriteAll(ours.Get(), steps, size) ? ReadAnswer(ours.Get(), steps, size) : -ECANCELED;
  ours.Reset(-1);
  int status = 0;
  pid_t waited;
  do waited = waitpid(pid, &status, __WALL);
  while (waited < 0 && errno == EINTR);
  // An exec that failed tells its error number by the exit status; 255 is the stub's own.
  if (error != 0 && waited == pid && WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 255)
    error = -WEXITSTATUS(status);
  return error;
}

Finish Failure(int error, const char* syscall) {
  return [error, syscall](Napi::Env env) -> Napi::Value {
    auto failure = Napi::Object::New(env);
    failure.Set("errno", Napi::Number::New(env, error));
    failure.Set("syscall", Napi::String::New(env, syscall));
    return failure;
  };
}

void InitExcursion(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "forceOwnMemory", [](const Napi::CallbackInfo& info) -> Napi::Value {
    Excursion::ForceOwnMemory(BoolArgument(info, 0));
    return info.Env().Undefined();
  });
  Export(env, exports, "forceTemporaryFile", [](const Napi::CallbackInfo& info) -> Napi::Value {
    Excursion::ForceTemporaryFile(BoolArgument(info, 0));
    return info.Env().Undefined();
  });
  // Whether clones share memory here, found by doing.
  Export(env, exports, "memoryIsShared", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Submit(info.Env(), []() -> Finish {
      const bool shared = Excursion::MemoryIsShared();
      return [shared](Napi::Env env) -> Napi::Value { return Napi::Boolean::New(env, shared); };
    });
  });
}

}  // namespace nsnet
