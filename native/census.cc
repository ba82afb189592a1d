#include "census.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "copy_file.h"
#include "namespaces.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace nsnet {

const std::array<NamespaceKind, kKinds> kNamespaceKinds = {{
    {CLONE_NEWTIME, "time", "ns/time", "ns/time_for_children"},
    {CLONE_NEWNS, "mnt", "ns/mnt", nullptr},
    {CLONE_NEWCGROUP, "cgroup", "ns/cgroup", nullptr},
    {CLONE_NEWUTS, "uts", "ns/uts", nullptr},
    {CLONE_NEWIPC, "ipc", "ns/ipc", nullptr},
    {CLONE_NEWUSER, "user", "ns/user", nullptr},
    {CLONE_NEWPID, "pid", "ns/pid", "ns/pid_for_children"},
    {CLONE_NEWNET, "net", "ns/net", nullptr},
}};

namespace {

bool Gone(int error) { return error == ENOENT || error == ESRCH; }

}  // namespace

std::recursive_mutex& Census::OwnDescriptors() {
  static auto* mutex = new std::recursive_mutex();
  return *mutex;
}

NamespaceLink ParseNamespaceLink(const char* text, size_t size) {
  for (size_t kind = 0; kind < kKinds; kind++) {
    const char* name = kNamespaceKinds[kind].name;
    const size_t length = strlen(name);
    if (size < length + 4 || memcmp(text, name, length) != 0 || memcmp(text + length, ":[", 2) != 0) continue;
    uint64_t inode = 0;
    size_t at = length + 2;
    for (; at < size && text[at] >= '0' && text[at] <= '9'; at++)
      inode = inode * 10 + static_cast<uint64_t>(text[at] - '0');
    if (at == size - 1 && text[at] == ']') return {static_cast<int>(kind), inode};
  }
  return {};
}

Census::Census(const CensusOptions& options, std::function<bool()> stopped)
    : options_(options), stopped_(std::move(stopped)), reading_(options.types), room_(64 * 1024), text_(4096) {
  // One with nobody in it may own any other, and every mount namespace may have mounts of the others.
  if (options.types & CLONE_NEWUSER)
    for (const auto& kind : kNamespaceKinds) reading_ |= kind.flag;
  if (options.holders) reading_ |= CLONE_NEWNS;
}

int Census::Run() {
  proc_ = UniqueFd(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (proc_.Get() < 0) return -errno;
  char self[32];
  const auto size = readlinkat(proc_.Get(), "self", self, sizeof self - 1);
  if (size > 0) self_ = atoi(std::string(self, static_cast<size_t>(size)).c_str());
  struct stat status;
  if (fstatat(proc_.Get(), "self/ns/user", &status, 0) == 0) device_ = status.st_dev;
  if (options_.first > 0) Process(std::to_string(options_.first));
  if (!Done() && options_.holders) OwnMounts();
  if (!Done() && (options_.types & CLONE_NEWNET)) NamesOfNetworks();
  if (!Done()) Processes();
  proc_.Reset(-1);
  return error_;
}

std::vector<const FoundNamespace*> Census::Found() const {
  std::vector<const FoundNamespace*> all;
  for (const auto& [key, found] : found_) {
    const bool wanted = (options_.types & FlagOf(found.kind)) != 0;
    // What was never opened although it may be looked into was gone when that was tried.
    if (wanted && (found.known || found.certain)) all.push_back(&found);
  }
  return all;
}

// Without descriptors or memory the rest would be taken for gone.
void Census::CannotOpen() {
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) error_ = -errno;
}

UniqueFd Census::Open(int at, const char* path, int flags) {
  const int fd = openat(at, path, flags | O_CLOEXEC);
  if (fd < 0) CannotOpen();
  return UniqueFd(fd);
}

UniqueFd Census::OpenLink(int at, const char* path, int flags, const FoundNamespace& found) {
  UniqueFd fd = Open(at, path, flags);
  if (fd.Get() >= 0 || Gone(errno)) return fd;
  // A process that may not be looked into any more, as it executes a program just now, is as good as gone; else a
  // security module forbids it.
  const int error = errno;
  errno = ReadLink(at, path).inode == found.inode ? error : ENOENT;
  return fd;
}

FoundNamespace* Census::Note(const NamespaceLink& link) {
  if (link.kind < 0 || !Reads(link.kind)) return nullptr;
  auto& last = last_[static_cast<size_t>(link.kind)];
  if (last != nullptr && last->inode == link.inode) return last;
  auto& found = found_[{link.kind, link.inode}];
  found.kind = link.kind;
  found.inode = link.inode;
  return last = &found;
}

bool Census::MustBeKnown(const FoundNamespace& found) const {
  if (found.known) return false;
  // A user namespace that is looked for may own any.
  if (options_.types & CLONE_NEWUSER) return true;
  if ((options_.types & FlagOf(found.kind)) == 0) return false;
  return options_.inode == 0 || options_.inode == found.inode || found.kind == kPidKind;
}

void Census::Learn(FoundNamespace* found, const Opener& opener) {
  if (!MustBeKnown(*found)) return;
  std::lock_guard<std::recursive_mutex> lock(OwnDescriptors());
  UniqueFd fd = opener();
  if (fd.Get() < 0) {
    if (!Gone(errno)) found->certain = true;
    return;
  }
  struct stat status;
  if (fstat(fd.Get(), &status) != 0 || status.st_ino != found->inode) return;
  Ask(found, std::move(fd));
}

void Census::Ask(FoundNamespace* found, UniqueFd fd) {
  found->known = true;
  found->unique = static_cast<double>(UniqueOfNamespace(fd.Get(), FlagOf(found->kind)));
  uid_t uid = 0;
  if (found->kind == kUserKind && ioctl(fd.Get(), NS_GET_OWNER_UID, &uid) == 0) found->uid = uid;
  found->owner = Related(fd.Get(), NS_GET_USERNS, kUserKind);
  if (found->kind == kUserKind || found->kind == kPidKind)
    found->parent = Related(fd.Get(), NS_GET_PARENT, found->kind);
  const bool meant = (options_.types & FlagOf(found->kind)) != 0;
  if (!meant || options_.inode != found->inode || opened_.Get() >= 0) return;
  if (options_.unique == 0 || found->unique == 0 || options_.unique == found->unique) opened_ = std::move(fd);
}

double Census::Related(int fd, unsigned long request, int kind) {
  UniqueFd related(ioctl(fd, request));
  if (related.Get() < 0) {
    CannotOpen();
    return 0;
  }
  struct stat status;
  if (fstat(related.Get(), &status) != 0) return 0;
  auto* found = Note({kind, status.st_ino});
  if (found != nullptr && MustBeKnown(*found)) Ask(found, std::move(related));
  return static_cast<double>(status.st_ino);
}

// Anything else might be a device that does something when it is opened, or a file that never opens, or does not even
// say what it is: its file system, of which whoever holds it may be the server, is not asked.
UniqueFd Census::OpenPinned(const UniqueFd& path) {
  struct statx status;
  if (path.Get() < 0) return {};
  const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  const bool ours = syscall(SYS_statx, path.Get(), "", flags, STATX_INO, &status) == 0 &&
                    makedev(status.stx_dev_major, status.stx_dev_minor) == device_;
  if (ours) return Open(AT_FDCWD, PathOfFd(path.Get()).c_str(), O_RDONLY);
  errno = ENOENT;
  return {};
}

NamespaceLink Census::LinkOf(int fd) {
  struct stat status;
  const int type = ioctl(fd, NS_GET_NSTYPE);
  if (type < 0 || fstat(fd, &status) != 0) return {};
  for (size_t kind = 0; kind < kKinds; kind++)
    if (kNamespaceKinds[kind].flag == type) return {static_cast<int>(kind), status.st_ino};
  return {};
}

void Census::Lead(FoundNamespace* found, PathRank rank, const std::string& path) {
  const bool better = rank < found->rank || (rank == found->rank && rank != PathRank::kHolder && path < found->path);
  if (!better) return;
  found->rank = rank;
  found->path = path;
}

}  // namespace nsnet
