// A tree copied into an empty directory by several threads, everything relative to descriptors and never through a
// symbolic link: whoever changes the source meanwhile can make the copy fail, but not reach beyond it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#include <tuple>

#include "arguments.h"
#include "copy_file.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"
#include "tree.h"

namespace nsnet {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxDepth = 1000;         // two descriptors a level
constexpr size_t kListing = 16 * 1024;  // entries that are one thread's at a time: some 400
// Then other work of the pool's has its turn.
constexpr auto kSlice = std::chrono::milliseconds(8);

struct Directory {
  std::shared_ptr<Directory> parent;
  std::string name;
  int depth = 0;
  UniqueFd from, to;
  struct statx status;
  std::atomic<int> pending{1};  // parts of it that are not copied yet; its own attributes come last
};

// What one thread does at a time: a directory, or some entries of one. A file is one thread's, however large: the
// kernel lets one write to it at a time (i_rwsem), and two in turn were never faster than one (ext4, tmpfs; 1 GiB).
struct Part {
  std::shared_ptr<Directory> directory;
  std::vector<DirectoryEntry> entries;
};

class Copier : public TreeJob, public std::enable_shared_from_this<Copier> {
 public:
  Copier(FdUse source, FdUse target, FdUse aside, FdUse held)
      : source_(std::move(source)), target_(std::move(target)), aside_(std::move(aside)), held_(std::move(held)) {}
  void Start();
  CopyOptions options;
  bool one_thread = false;

 private:
  void Push(Part part);
  void Work();
  void Do(Part* part, char* buffer);
  void Begin();
  void List(const std::shared_ptr<Directory>& directory);
  void Entry(const std::shared_ptr<Directory>& directory, const DirectoryEntry& entry, char* buffer);
  Fault Descend(const std::shared_ptr<Directory>& directory, const std::string& name, UniqueFd from);
  Fault Make(const Directory& directory, const std::string& name, int from, const struct statx& status, UniqueFd* to);
  Fault Node(const Directory& directory, const std::string& name, int from, const struct statx& status, UniqueFd* to);
  Fault Regular(int path, UniqueFd to, const struct statx& status, char* buffer);
  Fault Contents(int from, int to, const struct statx& status, char* buffer);
  void Done(std::shared_ptr<Directory> directory);
  void Fail(const Fault& fault, const Directory* directory, const std::string& name);

  FdUse source_, target_, aside_, held_;
  UniqueFd descriptors_;  // /proc/self/fd
  struct statx root_, target_status_;
  std::mutex mutex_;
  std::vector<Part> parts_;
  size_t outstanding_ = 0;
  int threads_ = 0;
  std::atomic<uint64_t> copied_{0};
  std::mutex links_mutex_;
  std::set<std::tuple<uint32_t, uint32_t, uint64_t>> links_;
};

std::string PathOf(const Directory* directory, const std::string& name) {
  std::string path = name;
  for (; directory != nullptr; directory = directory->parent.get()) {
    if (!directory->name.empty()) path.insert(0, directory->name + "/");
  }
  return path;
}

void Copier::Fail(const Fault& fault, const Directory* directory, const std::string& name) {
  TreeJob::Fail(fault, PathOf(directory, name));
}

void Copier::Start() { Push({}); }

// The last part that was found is the first to be done, so that few directories are open at a time.
void Copier::Push(Part part) {
  static const int processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  bool more = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    parts_.push_back(std::move(part));
    outstanding_++;
    more = threads_ < (one_thread ? 1 : std::min(processors, 4));
    if (more) threads_++;
  }
  if (more) Threads().Post([self = shared_from_this()] { self->Work(); });
}

void Copier::Work() {
  const auto until = Clock::now() + kSlice;
  const std::unique_ptr<char[]> buffer(new char[kCopyBuffer]);
  std::unique_lock<std::mutex> lock(mutex_);
  while (!parts_.empty()) {
    if (Clock::now() > until) {
      lock.unlock();
      Threads().Post([self = shared_from_this()] { self->Work(); });
      return;
    }
    {
      Part part = std::move(parts_.back());
      parts_.pop_back();
      lock.unlock();
      if (!Stopped()) Do(&part, buffer.get());
    }
    lock.lock();
    if (--outstanding_ > 0) continue;
    lock.unlock();
    descriptors_ = UniqueFd();
    held_ = FdUse();
    source_ = FdUse();
    target_ = FdUse();
    aside_ = FdUse();
    return Settle(static_cast<double>(copied_));
  }
  threads_--;
}

void Copier::Do(Part* part, char* buffer) {
  if (!part->directory) return Begin();
  if (part->entries.empty()) return List(part->directory);
  for (const DirectoryEntry& entry : part->entries) {
    if (Stopped()) return;
    Entry(part->directory, entry, buffer);
  }
  Done(part->directory);
}

void Copier::Begin() {
  auto directory = std::make_shared<Directory>();
  directory->from = UniqueFd(openat(source_.Get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  directory->to = UniqueFd(openat(target_.Get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory->from.Get() < 0 || directory->to.Get() < 0) return Fail(Errno("openat"), nullptr, "");
  // Each file is opened in it: from / on, it took a fifth of all the time that small files take.
  descriptors_ = UniqueFd(open(kDescriptors, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (descriptors_.Get() < 0) return Fail(Errno("open"), nullptr, "");
  Fault fault = Status(directory->from.Get(), "", &root_);
  if (!fault) fault = Status(directory->to.Get(), "", &target_status_);
  if (fault) return Fail(fault, nullptr, "");
  directory->status = root_;
  // Else what is made would inherit it.
  fremovexattr(directory->to.Get(), "system.posix_acl_default");
  List(directory);
}

void Copier::List(const std::shared_ptr<Directory>& directory) {
  const std::unique_ptr<char[]> room(new char[kListing]);
  for (;;) {
    std::vector<DirectoryEntry> entries;
    const int error = ReadDirectory(directory->from.Get(), room.get(), kListing, &entries);
    if (error != 0) return Fail({error, "getdents64"}, directory.get(), "");
    if (Stopped()) return;
    if (entries.empty()) break;
    directory->pending++;
    Push({directory, std::move(entries)});
  }
  Done(directory);
}

bool Is(const struct statx& status, const struct statx& other) {
  return status.stx_ino == other.stx_ino && status.stx_dev_major == other.stx_dev_major &&
         status.stx_dev_minor == other.stx_dev_minor;
}

void Copier::Entry(const std::shared_ptr<Directory>& directory, const DirectoryEntry& entry, char* buffer) {
  const std::string& name = entry.name;
  const auto failed = [&](const Fault& fault) {
    if (fault) Fail(fault, directory.get(), name);
    return static_cast<bool>(fault);
  };
  if (entry.type == DT_DIR) {
    UniqueFd from(openat(directory->from.Get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (from.Get() >= 0) {
      failed(Descend(directory, name, std::move(from)));
      return;
    }
    if (errno != ENOTDIR && errno != ELOOP) return static_cast<void>(failed(Errno("openat")));
  }
  // What it is, is found out before it is opened: opening a device or a fifo does something to it.
  const UniqueFd from(openat(directory->from.Get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (from.Get() < 0) return static_cast<void>(failed(Errno("openat")));
  struct statx status;
  if (failed(Status(from.Get(), "", &status))) return;
  if (S_ISDIR(status.stx_mode)) {
    UniqueFd opened(openat(from.Get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    failed(opened.Get() < 0 ? Errno("openat") : Descend(directory, name, std::move(opened)));
    return;
  }
  if (!SameMount(status, root_)) return static_cast<void>(failed({EXDEV, "statx"}));
  copied_++;
  UniqueFd to;
  if (failed(Make(*directory, name, from.Get(), status, &to)) || to.Get() < 0) return;
  failed(Regular(from.Get(), std::move(to), status, buffer));
}

Fault Copier::Descend(const std::shared_ptr<Directory>& parent, const std::string& name, UniqueFd from) {
  auto directory = std::make_shared<Directory>();
  Fault fault = Status(from.Get(), "", &directory->status);
  if (fault) return fault;
  if (!SameMount(directory->status, root_)) return {EXDEV, "statx"};
  if (Is(directory->status, target_status_)) return {EINVAL, "mkdirat"};  // the copy would contain itself
  if (parent->depth >= kMaxDepth) return {ENAMETOOLONG, "mkdirat"};
  if (mkdirat(parent->to.Get(), name.c_str(), 0700) != 0) return Errno("mkdirat");
  directory->to = UniqueFd(openat(parent->to.Get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory->to.Get() < 0) return Errno("openat");
  copied_++;
  directory->from = std::move(from);
  directory->parent = parent;
  directory->name = name;
  directory->depth = parent->depth + 1;
  parent->pending++;
  Push({directory, {}});
  return {};
}

// A file's first name is made, its further ones are linked to it. What has one name more than was seen yet is kept by
// a name of its own in `aside`, since nobody else can exchange it there.
Fault Copier::Make(const Directory& directory, const std::string& name, int from, const struct statx& status,
                   UniqueFd* to) {
  if (status.stx_nlink < 2) return Node(directory, name, from, status, to);
  const std::string key = std::to_string(status.stx_dev_major) + "-" + std::to_string(status.stx_dev_minor) + "-" +
                          std::to_string(status.stx_ino);
  std::lock_guard<std::mutex> lock(links_mutex_);
  if (!links_.emplace(status.stx_dev_major, status.stx_dev_minor, status.stx_ino).second) {
    const int linked = linkat(aside_.Get(), key.c_str(), directory.to.Get(), name.c_str(), 0);
    return linked == 0 ? Fault() : Errno("linkat");
  }
  const Fault fault = Node(directory, name, from, status, to);
  if (fault) return fault;
  return linkat(directory.to.Get(), name.c_str(), aside_.Get(), key.c_str(), 0) == 0 ? Fault() : Errno("linkat");
}

// Makes what has no contents, with its attributes; of a file only the file, open.
Fault Copier::Node(const Directory& directory, const std::string& name, int from, const struct statx& status,
                   UniqueFd* to) {
  const int at = directory.to.Get();
  switch (status.stx_mode & S_IFMT) {
    case S_IFREG:
      // Nobody reaches it yet: what is above it is open to this user alone until it is copied.
      *to = UniqueFd(
          openat(at, name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, status.stx_mode & 0777));
      return to->Get() < 0 ? Errno("openat") : Fault();
    case S_IFLNK: {
      char target[4097];
      const ssize_t length = readlinkat(from, "", target, sizeof target - 1);
      if (length < 0) return Errno("readlinkat");
      target[length] = 0;
      if (symlinkat(target, at, name.c_str()) != 0) return Errno("symlinkat");
      break;
    }
    case S_IFCHR:
    case S_IFBLK:
      if (!options.devices) return {EPERM, "mknodat"};
      [[fallthrough]];
    default: {
      const auto device = (static_cast<uint64_t>(status.stx_rdev_major & 0xfffU) << 8) |
                          (status.stx_rdev_minor & 0xffU) | ((status.stx_rdev_minor & ~0xffU) << 12);
      const int made =
          static_cast<int>(syscall(SYS_mknodat, at, name.c_str(), (status.stx_mode & S_IFMT) | 0600, device));
      if (made != 0) return Errno("mknodat");
    }
  }
  return CopyAttributesAt(from, at, name.c_str(), status, options);
}

Fault Copier::Regular(int path, UniqueFd to, const struct statx& status, char* buffer) {
  const auto name = std::to_string(path);
  const UniqueFd from(openat(descriptors_.Get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (from.Get() < 0) return Errno("openat");
  Fault fault;
  if (status.stx_size > 0 && !Clone(from.Get(), to.Get(), &options))
    fault = Contents(from.Get(), to.Get(), status, buffer);
  if (!fault) fault = CopyAttributes(from.Get(), to.Get(), status, options);
  // Some file systems tell only now that there is no room (NFS, quotas).
  if (!fault && close(to.Release()) != 0) fault = Errno("close");
  return fault;
}

// As many bytes as there were when it was looked at: one that grows for ever is not copied for ever.
Fault Copier::Contents(int from, int to, const struct statx& status, char* buffer) {
  const auto size = static_cast<off_t>(status.stx_size);
  if (status.stx_blocks * 512 >= status.stx_size)
    return CopyRange(from, to, 0, size, &options, buffer, [this] { return Stopped(); });
  // It has holes.
  if (ftruncate(to, size) != 0) return Errno("ftruncate");
  for (off_t at = 0; at < size && !Stopped();) {
    off_t end = size;
    const off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data >= 0) {
      at = data;
      const off_t hole = lseek(from, at, SEEK_HOLE);
      if (hole > at) end = std::min(hole, size);
    }
    const Fault fault = CopyRange(from, to, at, end - at, &options, buffer, [this] { return Stopped(); });
    if (fault) return fault;
    at = end;
  }
  return {};
}

void Copier::Done(std::shared_ptr<Directory> directory) {
  while (directory && --directory->pending == 0 && !Stopped()) {
    const Fault fault = CopyAttributes(directory->from.Get(), directory->to.Get(), directory->status, options);
    if (fault) return Fail(fault, directory.get(), "");
    auto parent = directory->parent;
    directory = parent;
  }
}

constexpr int kMapOwners = 1;
constexpr int kDevices = 2;
constexpr int kNoClone = 4;  // so that tests reach what is done where a file system lacks it
constexpr int kNoRange = 8;
constexpr int kOneThread = 16;

// copyTree(source, target, aside, held, options) → [promise of how many were copied or of a failure, stop]. All are
// descriptors, and in use until the promise settles: of directories, target and aside empty, on one file system and
// reachable by this user alone; of whatever shall stay open as long.
Napi::Value CopyTree(const Napi::CallbackInfo& info) {
  auto copier = std::make_shared<Copier>(UseFd(info[0]), UseFd(info[1]), UseFd(info[2]), UseFd(info[3]));
  const int options = IntArgument(info, 4);
  copier->options.map_owners = (options & kMapOwners) != 0;
  copier->options.devices = (options & kDevices) != 0;
  copier->options.clone = (options & kNoClone) == 0;
  copier->options.range = (options & kNoRange) == 0;
  copier->one_thread = (options & kOneThread) != 0;
  auto result = copier->Promise(info.Env(), copier);
  copier->Start();
  return result;
}

}  // namespace

void InitCopy(Napi::Env env, Napi::Object exports) { Export(env, exports, "copyTree", CopyTree); }

}  // namespace nsnet
