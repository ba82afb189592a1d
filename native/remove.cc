// A tree removed, everything relative to descriptors, never through a symbolic link and never across a mount.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "arguments.h"
#include "copy_file.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"
#include "tree.h"

namespace nsnet {

namespace {

constexpr size_t kMaxDepth = 100;  // what lies deeper is moved up first
constexpr size_t kListing = 16 * 1024;
constexpr int kMaxPasses = 100;  // over a directory that others fill meanwhile
constexpr unsigned kNoReplace = 1;

// A directory that is being emptied.
struct Level {
  std::string name;
  UniqueFd fd;
  std::vector<DirectoryEntry> entries;  // that are still to be removed
  int passes = 1;
};

class Remover : public TreeJob {
 public:
  Remover(FdUse parent, std::string name, FdUse held)
      : parent_(std::move(parent)), name_(std::move(name)), held_(std::move(held)), room_(new char[kListing]) {}
  void Run();

 private:
  Fault Tree();
  Fault Entry(const DirectoryEntry& entry);
  Fault Enter(int parent, const std::string& name);
  Fault Leave();
  std::string PathTo(const std::string& name) const;
  int Above() const { return levels_.size() > 1 ? levels_[levels_.size() - 2].fd.Get() : parent_.Get(); }

  FdUse parent_;
  std::string name_;
  FdUse held_;
  std::unique_ptr<char[]> room_;
  std::vector<Level> levels_;
  struct statx root_;
  double removed_ = 0;
  unsigned moved_ = 0;    // up, so far
  unsigned noticed_ = 0;  // of them, when the top was read last
};

void Remover::Run() {
  const Fault fault = Tree();
  if (fault) Fail(fault, PathTo(""));
  levels_.clear();
  parent_ = FdUse();
  held_ = FdUse();
  Settle(removed_);
}

std::string Remover::PathTo(const std::string& name) const {
  std::string path;
  for (const Level& level : levels_) path += level.name + "/";
  return path + name;
}

Fault Remover::Tree() {
  const bool one = !name_.empty() && name_ != "." && name_ != ".." && name_.find('/') == std::string::npos;
  if (!one) return {EINVAL, "openat"};
  Fault fault = Enter(parent_.Get(), name_);
  while (!fault && !levels_.empty() && !Stopped()) {
    Level& level = levels_.back();
    if (level.entries.empty()) {
      const int error = ReadDirectory(level.fd.Get(), room_.get(), kListing, &level.entries);
      if (error != 0) return {error, "getdents64"};
    }
    if (level.entries.empty()) {
      fault = Leave();
      continue;
    }
    const DirectoryEntry entry = std::move(level.entries.back());
    level.entries.pop_back();
    fault = Entry(entry);
    if (fault) Fail(fault, PathTo(entry.name));
  }
  return fault;
}

Fault Remover::Entry(const DirectoryEntry& entry) {
  const int at = levels_.back().fd.Get();
  if (entry.type != DT_DIR) {
    if (unlinkat(at, entry.name.c_str(), 0) == 0 || errno == ENOENT) {
      removed_++;
      return {};
    }
    if (errno != EISDIR) return Errno("unlinkat");
  }
  return Enter(at, entry.name);
}

// Its owner may do with it what its mode forbids.
void MakeWritable(int parent, const char* name) {
  const UniqueFd fd(openat(parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (fd.Get() >= 0) fchmodat(AT_FDCWD, PathOfFd(fd.Get()).c_str(), 0700, 0);
}

Fault Remover::Enter(int parent, const std::string& name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(openat(parent, name.c_str(), flags));
  if (fd.Get() < 0 && errno == EACCES) {
    MakeWritable(parent, name.c_str());
    fd = UniqueFd(openat(parent, name.c_str(), flags));
  }
  if (fd.Get() < 0 && errno == ENOENT) return {};
  if (fd.Get() < 0 && (errno == ENOTDIR || errno == ELOOP) && !levels_.empty()) {
    // Exchanged for a link or a file meanwhile; if it is a directory again by now, the next pass meets it.
    return unlinkat(parent, name.c_str(), 0) == 0 || errno == EISDIR || errno == ENOENT ? Fault() : Errno("unlinkat");
  }
  if (fd.Get() < 0) return Errno("openat");
  struct statx status;
  const Fault fault = Status(fd.Get(), "", &status);
  if (fault) return fault;
  if (levels_.empty()) {
    // The directory itself must not be a mount either.
    struct statx above;
    const Fault unknown = Status(parent, "", &above);
    if (unknown) return unknown;
    root_ = above;
  }
  if (!SameMount(status, root_)) return {EXDEV, "statx"};
  if ((status.stx_mode & 0700) != 0700 && status.stx_uid == geteuid()) fchmod(fd.Get(), 0700);
  if (levels_.size() >= kMaxDepth) {
    for (;;) {
      const std::string up = ".deep-" + std::to_string(moved_++);
      const int top = levels_[0].fd.Get();
      if (syscall(SYS_renameat2, parent, name.c_str(), top, up.c_str(), kNoReplace) == 0) return {};
      if (errno != EEXIST) return Errno("renameat2");
    }
  }
  levels_.push_back({name, std::move(fd), {}});
  return {};
}

Fault Remover::Leave() {
  Level& level = levels_.back();
  // ENOTDIR: exchanged for something else meanwhile; wherever it is by now, it is empty.
  if (unlinkat(Above(), level.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTDIR) {
    // Something has come in since, or was moved up.
    const bool filled = errno == ENOTEMPTY || errno == EEXIST;
    const bool again = filled && (std::exchange(noticed_, moved_) < moved_ || level.passes++ < kMaxPasses);
    if (!again) return Errno("unlinkat");
    if (lseek(level.fd.Get(), 0, SEEK_SET) < 0) return Errno("lseek");
    return {};
  }
  removed_++;
  levels_.pop_back();
  return {};
}

// removeTree(directory, name, held) → [promise of how many were removed or of a failure, stop]. A name that means
// nothing any more is no failure. `held` stays open until the promise settles.
Napi::Value RemoveTree(const Napi::CallbackInfo& info) {
  auto remover = std::make_shared<Remover>(UseFd(info[0]), StringArgument(info, 1), UseFd(info[2]));
  auto result = remover->Promise(info.Env(), remover);
  Threads().Post([remover] { remover->Run(); });
  return result;
}

}  // namespace

void InitRemove(Napi::Env env, Napi::Object exports) { Export(env, exports, "removeTree", RemoveTree); }

}  // namespace nsnet
