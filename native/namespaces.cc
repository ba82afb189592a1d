// Making namespaces, and asking them what they are (ioctl_nsfs(2), pidfd_open(2)).
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "arguments.h"
#include "excursion.h"
#include "jobs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace nsnet {

namespace {

// NS_GET_ID and NS_GET_MNTNS_ID, which older headers lack.
constexpr unsigned long kGetId = _IOR(NSIO, 13, uint64_t);
constexpr unsigned long kGetMountId = _IOR(NSIO, 5, uint64_t);

// The user that a new user namespace maps to its root, always a map of one id: more needs the parent's privileges.
// `inside` the shared namespace this user is 0 already.
void MapSelf(Program* program, bool own_memory, bool inside) {
  const auto write = [program](const char* path, const std::string& text, uint8_t flags) {
    const int file =
        program->Step(SYS_openat, flags | NSNET_TEMPORARY, {AT_FDCWD, program->Text(path), O_WRONLY | O_CLOEXEC});
    program->Step(SYS_write, flags, {Program::Result(file), program->Data(text.data(), text.size()), text.size()});
  };
  // The stub stopped being dumpable if it joined anything, and the files of a process that is not belong to the real
  // root. It has joined only the shared namespace, where no foreign code runs. Never in memory shared with Node.
  if (own_memory) program->Step(SYS_prctl, 0, {PR_SET_DUMPABLE, 1});
  write("/proc/self/setgroups", "deny", NSNET_OPTIONAL);  // absent before 3.19
  write("/proc/self/uid_map", "0 " + std::to_string(inside ? 0 : geteuid()) + " 1", 0);
  write("/proc/self/gid_map", "0 " + std::to_string(inside ? 0 : getegid()) + " 1", 0);
  if (own_memory) program->Step(SYS_prctl, 0, {PR_SET_DUMPABLE, 0});
}

int OpenSelf(Program* program, const char* name) {
  return program->Step(SYS_openat, NSNET_KEEP,
                       {AT_FDCWD, program->Text(std::string("/proc/self/ns/") + name), O_RDONLY | O_CLOEXEC});
}

struct Shared {
  std::mutex mutex;  // held for as long as it is made: not for those who only ask whether it is meant
  UniqueFd fd;
  std::atomic<dev_t> device = 0;
  std::atomic<ino_t> inode = 0;  // 0 until there is one
};

Shared& TheShared() {
  static auto* shared = new Shared();
  return *shared;
}

struct UnshareRequest {
  int flags;
  std::vector<std::string> names;
  std::vector<int> sockets;  // domain, type, protocol, …
  bool loopback;             // sets lo up, through the first socket
};

// The steps that make one; those whose results are to be handed back.
std::vector<int> AddSteps(Program* program, const Where& where, const UnshareRequest& request) {
  std::vector<int> kept;
  program->Step(SYS_unshare, 0, {request.flags});
  if (request.flags & CLONE_NEWUSER) MapSelf(program, Excursion::UsesOwnMemory(where), where.EntersUser());
  for (const auto& name : request.names) kept.push_back(OpenSelf(program, name.c_str()));
  for (size_t i = 0; i + 2 < request.sockets.size(); i += 3) {
    kept.push_back(program->Step(SYS_socket, NSNET_KEEP,
                                 {request.sockets[i], request.sockets[i + 1] | SOCK_CLOEXEC, request.sockets[i + 2]}));
  }
  if (request.loopback && request.sockets.size() >= 3) {
    ifreq lo = {};
    memcpy(lo.ifr_name, "lo", sizeof "lo");
    lo.ifr_flags = IFF_UP;
    program->Step(SYS_ioctl, 0, {Program::Result(kept.back()), SIOCSIFFLAGS, program->Data(&lo, sizeof lo)});
  }
  return kept;
}

Finish Made(Program* program, const std::vector<int>& kept) {
  auto fds = std::make_shared<std::vector<UniqueFd>>();
  for (const int step : kept) fds->push_back(program->Take(step));
  return [fds](Napi::Env env) -> Napi::Value {
    auto list = Napi::Array::New(env, fds->size());
    for (size_t i = 0; i < fds->size(); i++) list.Set(i, WrapFd(env, std::move((*fds)[i])));
    return list;
  };
}

Finish Unshare(const Where& where, const UnshareRequest& request) {
  if ((request.flags & CLONE_NEWUSER) && where.EntersForeignUser()) return Failure(-EPERM, "unshare");
  Program program;
  const auto kept = AddSteps(&program, where, request);
  const int error = Excursion::Run(where, program, true);
  return error < 0 ? Failure(error, program.FailedCall()) : Made(&program, kept);
}

// Those that are asked for together are made by one clone, some at a time.
constexpr size_t kTogether = 8;

struct Wanted {
  Where where;
  UnshareRequest request;
  std::shared_ptr<Pending> pending;

  // Networks that this process, or its shared user namespace, is to own.
  bool Simple() const {
    if (request.flags != CLONE_NEWNET || request.names.empty() || where.closed) return false;
    return where.entries.empty() || (where.entries.size() == 1 && where.EntersUser() && !where.EntersForeignUser());
  }
  bool Like(const Wanted& other) const {
    return Simple() && other.Simple() && where.entries.size() == other.where.entries.size() &&
           where.own_memory == other.where.own_memory && request.names == other.request.names &&
           request.sockets == other.request.sockets && request.loopback == other.request.loopback;
  }
};

std::mutex wanted_mutex;
std::deque<Wanted>& AllWanted() {
  static auto* wanted = new std::deque<Wanted>();
  return *wanted;
}

// Takes the first that are alike, and leaves some to the other threads.
std::vector<Wanted> TakeWanted() {
  std::lock_guard<std::mutex> lock(wanted_mutex);
  auto& all = AllWanted();
  std::vector<Wanted> taken;
  const size_t most = std::min(kTogether, (all.size() + 1) / 2);
  while (!all.empty() && taken.size() < most && (taken.empty() || taken.front().Like(all.front()))) {
    taken.push_back(std::move(all.front()));
    all.pop_front();
  }
  return taken;
}

// Its uses of descriptors end before the promise settles.
void Settle(Wanted* wanted, Finish finish) {
  wanted->where = Where();
  wanted->pending->Settle(std::move(finish));
}

// Some of those at the end may be left.
void MakeTogether(std::vector<Wanted>* wanted) {
  Program program;
  std::vector<std::vector<int>> kept;
  for (const auto& one : *wanted) {
    kept.push_back(AddSteps(&program, one.where, one.request));
    program.LetStand();
  }
  const bool all = Excursion::Run(wanted->front().where, program, true) == 0;
  size_t made = 0;
  while (made < kept.size() && (all || program.Stands(kept[made].back()))) made++;
  for (size_t i = 0; i < made; i++) Settle(&(*wanted)[i], Made(&program, kept[i]));
  wanted->erase(wanted->begin(), wanted->begin() + static_cast<ptrdiff_t>(made));
}

void MakeSome() {
  auto wanted = TakeWanted();
  if (wanted.size() > 1) MakeTogether(&wanted);
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it loses sight of what a std::function owns
  for (auto& one : wanted) Settle(&one, Unshare(one.where, one.request));
}

// unshare(where, ownMemory, flags, names, sockets, loopback) → descriptors of the new namespaces, then the sockets
Napi::Value UnshareCall(const Napi::CallbackInfo& info) {
  auto where = Where::From(info[0], info[1]);
  UnshareRequest request{IntArgument(info, 2), {}, {}, BoolArgument(info, 5)};
  if (!info[3].IsArray() || !info[4].IsArray()) throw Napi::TypeError::New(info.Env(), "Expected arrays");
  const auto names = info[3].As<Napi::Array>();
  if (names.Length() > 8 || info[4].As<Napi::Array>().Length() > 24)
    throw Napi::TypeError::New(info.Env(), "Expected fewer names and sockets");
  for (uint32_t i = 0; i < names.Length(); i++) request.names.push_back(Napi::Value(names.Get(i)).ToString());
  const auto sockets = info[4].As<Napi::Array>();
  for (uint32_t i = 0; i < sockets.Length(); i++)
    request.sockets.push_back(Napi::Value(sockets.Get(i)).ToNumber().Int32Value());
  auto pending = Pending::New(info.Env());
  {
    std::lock_guard<std::mutex> lock(wanted_mutex);
    AllWanted().push_back({std::move(where), std::move(request), pending});
  }
  Threads().Post(MakeSome);
  return pending->Promise();
}

Napi::Value SharedUser(const Napi::CallbackInfo& info) {
  return Submit(info.Env(), []() -> Finish {
    auto fd = std::make_shared<UniqueFd>();
    const char* call = "unshare";
    const int error = SharedUserNamespace(fd.get(), &call);
    if (error < 0) return Failure(error, call);
    return [fd](Napi::Env env) -> Napi::Value { return WrapFd(env, std::move(*fd)); };
  });
}

Napi::Value IsSharedUser(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), IsSharedUserNamespace(UseFd(info[0]).Get()));
}

// nsInfo(fd) → [type, inode, device, creator's uid or -errno, unique number or 0] or -errno
Napi::Value NamespaceInfo(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  struct stat status;
  if (fstat(fd.Get(), &status) != 0) return Napi::Number::New(info.Env(), -errno);
  const int type = ioctl(fd.Get(), NS_GET_NSTYPE);
  if (type < 0) return Napi::Number::New(info.Env(), errno == ENOTTY ? -EINVAL : -errno);
  uid_t uid = 0;
  const int known = ioctl(fd.Get(), NS_GET_OWNER_UID, &uid);
  auto list = Napi::Array::New(info.Env(), 5);
  list.Set(0u, Napi::Number::New(info.Env(), type));
  list.Set(1u, Napi::Number::New(info.Env(), static_cast<double>(status.st_ino)));
  list.Set(2u, Napi::Number::New(info.Env(), static_cast<double>(status.st_dev)));
  list.Set(3u, Napi::Number::New(info.Env(), known == 0 ? static_cast<double>(uid) : -errno));
  list.Set(4u, Napi::Number::New(info.Env(), static_cast<double>(UniqueOfNamespace(fd.Get(), type))));
  return list;
}

Napi::Value Related(const Napi::CallbackInfo& info, unsigned long request) {
  const FdUse fd = UseFd(info[0]);
  const int related = ioctl(fd.Get(), request);
  if (related < 0) return Napi::Number::New(info.Env(), -errno);
  return WrapFd(info.Env(), UniqueFd(related));
}

Napi::Value NamespaceUser(const Napi::CallbackInfo& info) { return Related(info, NS_GET_USERNS); }
Napi::Value NamespaceParent(const Napi::CallbackInfo& info) { return Related(info, NS_GET_PARENT); }

Napi::Value PidfdOpen(const Napi::CallbackInfo& info) {
  const long fd = syscall(SYS_pidfd_open, IntArgument(info, 0), 0);
  return fd < 0 ? Napi::Value(Napi::Number::New(info.Env(), -errno))
                : WrapFd(info.Env(), UniqueFd(static_cast<int>(fd)));
}

// Whether the process of a pidfd has exited.
Napi::Value PidfdExited(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  pollfd waiting = {fd.Get(), POLLIN, 0};
  return Napi::Boolean::New(info.Env(), poll(&waiting, 1, 0) != 0);
}

int MakeShared(UniqueFd* fd, bool own_memory, bool map, const char** call) {
  Where where;
  where.own_memory = own_memory;
  Program program;
  program.Step(SYS_unshare, 0, {CLONE_NEWUSER});
  if (map) MapSelf(&program, Excursion::UsesOwnMemory(where), false);
  const int kept = OpenSelf(&program, "user");
  const int error = Excursion::Run(where, program, true);
  *call = program.FailedCall();
  if (error == 0) *fd = program.Take(kept);
  return error;
}

}  // namespace

int SharedUserNamespace(UniqueFd* fd, const char** call) {
  Shared& shared = TheShared();
  std::lock_guard<std::mutex> lock(shared.mutex);
  if (shared.fd.Get() < 0) {
    int error = MakeShared(&shared.fd, false, true, call);
    const char* retried = nullptr;
    // A process that gave up privileges is not dumpable, so it may not write a map through its own memory; the stub,
    // freshly executed, may.
    if (error == -EACCES && MakeShared(&shared.fd, true, true, &retried) == 0) error = 0;
    // Root without CAP_SETFCAP may not map itself (5.12). Networks do not need the map.
    if (error == -EPERM && geteuid() == 0 && MakeShared(&shared.fd, false, false, &retried) == 0) error = 0;
    if (error < 0) return error;
    struct stat status;
    if (fstat(shared.fd.Get(), &status) != 0) return -errno;
    shared.device = status.st_dev;
    shared.inode = status.st_ino;
  }
  const int copy = fcntl(shared.fd.Get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return -errno;
  *fd = UniqueFd(copy);
  return 0;
}

bool IsSharedUserNamespace(int fd) {
  const Shared& shared = TheShared();
  const ino_t inode = shared.inode;
  struct stat status;
  return inode != 0 && fstat(fd, &status) == 0 && status.st_ino == inode && status.st_dev == shared.device;
}

uint64_t UniqueOfNamespace(int fd, int type) {
  uint64_t unique = 0;
  if (ioctl(fd, kGetId, &unique) == 0) return unique;
  return type == CLONE_NEWNS && ioctl(fd, kGetMountId, &unique) == 0 ? unique : 0;
}

void InitNamespaces(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "unshare", UnshareCall);
  Export(env, exports, "sharedUser", SharedUser);
  Export(env, exports, "isSharedUser", IsSharedUser);
  Export(env, exports, "nsInfo", NamespaceInfo);
  Export(env, exports, "nsUser", NamespaceUser);
  Export(env, exports, "nsParent", NamespaceParent);
  Export(env, exports, "pidfdOpen", PidfdOpen);
  Export(env, exports, "pidfdExited", PidfdExited);
}

}  // namespace nsnet
