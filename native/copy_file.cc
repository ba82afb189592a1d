#include "copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "fd.h"

namespace nsnet {

namespace {

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000
#endif

// A file that is open, or what an O_PATH descriptor stands for: that one has to be named.
struct Holder {
  int fd;
  std::string path;  // empty: the descriptor itself serves
  ssize_t List(char* list, size_t size) const {
    return path.empty() ? flistxattr(fd, list, size) : listxattr(path.c_str(), list, size);
  }
  ssize_t Get(const char* name, void* value, size_t size) const {
    return path.empty() ? fgetxattr(fd, name, value, size) : getxattr(path.c_str(), name, value, size);
  }
  int Set(const char* name, const void* value, size_t size) const {
    return path.empty() ? fsetxattr(fd, name, value, size, 0) : setxattr(path.c_str(), name, value, size, 0);
  }
};

bool Begins(const char* text, const char* with) { return strncmp(text, with, strlen(with)) == 0; }

// Overlay's marks mean something in a layer only, SELinux's label belongs to the place, EVM's seal to the inode.
bool IsPlaces(const char* name) {
  return Begins(name, "trusted.overlay.") || Begins(name, "user.overlay.") || strcmp(name, "security.selinux") == 0 ||
         strcmp(name, "security.evm") == 0;
}

// What grows between the call that asks for its size and the one that reads it is asked for again.
template <typename Read>
ssize_t ReadAll(std::vector<char>* room, Read read) {
  for (int attempt = 0; attempt < 8; attempt++) {
    const ssize_t size = read(nullptr, 0);
    if (size <= 0) return size;
    room->resize(static_cast<size_t>(size));
    const ssize_t got = read(room->data(), room->size());
    if (got >= 0 || errno != ERANGE) return got;
  }
  return -1;
}

// `set`: whether there were any.
Fault CopyXattrs(const Holder& from, const Holder& to, const CopyOptions& options, bool* set) {
  char few[512];
  std::vector<char> many;
  const char* names = few;
  ssize_t size = from.List(few, sizeof few);
  if (size < 0 && errno == ERANGE) {
    size = ReadAll(&many, [&](char* list, size_t room) { return from.List(list, room); });
    names = many.data();
  }
  // EOPNOTSUPP: a file system that has none.
  if (size < 0) return errno == EOPNOTSUPP ? Fault() : Errno("listxattr");
  std::vector<char> value;
  for (const char* name = names; name < names + size; name += strlen(name) + 1) {
    if (IsPlaces(name)) continue;
    const ssize_t got = ReadAll(&value, [&](char* room, size_t length) { return from.Get(name, room, length); });
    if (got < 0 && errno == ENODATA) continue;
    if (got < 0) return Errno("getxattr");
    *set = true;
    if (to.Set(name, value.data(), static_cast<size_t>(got)) == 0) continue;
    if (options.map_owners && errno == EPERM && (Begins(name, "security.") || Begins(name, "trusted."))) continue;
    return Errno("setxattr");
  }
  return {};
}

void Times(const struct statx& status, timespec times[2]) {
  times[0] = {static_cast<time_t>(status.stx_atime.tv_sec), static_cast<long>(status.stx_atime.tv_nsec)};
  times[1] = {static_cast<time_t>(status.stx_mtime.tv_sec), static_cast<long>(status.stx_mtime.tv_nsec)};
}

// Whether a chown that failed is what the options let pass.
bool Passes(const CopyOptions& options) { return options.map_owners && (errno == EPERM || errno == EINVAL); }

mode_t WithoutSetId(mode_t mode, bool owned) { return owned ? mode : mode & ~(S_ISUID | S_ISGID); }

}  // namespace

Fault Errno(const char* call) { return {errno, call}; }

Fault Status(int fd, const char* name, struct statx* status) {
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == 0 ? AT_EMPTY_PATH : 0);
  const auto wanted = STATX_BASIC_STATS | STATX_MNT_ID;
  return syscall(SYS_statx, fd, name, flags, wanted, status) == 0 ? Fault() : Errno("statx");
}

bool SameMount(const struct statx& one, const struct statx& other) {
  if (one.stx_mask & other.stx_mask & STATX_MNT_ID) return one.stx_mnt_id == other.stx_mnt_id;
  if (!S_ISDIR(one.stx_mode) || !S_ISDIR(other.stx_mode)) return true;
  return one.stx_dev_major == other.stx_dev_major && one.stx_dev_minor == other.stx_dev_minor;
}

std::string PathOfFd(int fd) { return std::string(kDescriptors) + "/" + std::to_string(fd); }

bool Clone(int from, int to, CopyOptions* options) {
  if (!options->clone) return false;
  if (ioctl(to, FICLONE, from) == 0) return true;
  if (errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY || errno == ENOSYS) options->clone = false;
  return false;
}

Fault CopyRange(int from, int to, off_t start, off_t length, CopyOptions* options, char* buffer,
                const std::function<bool()>& stopped) {
  const off_t end = start + length;
  while (start < end && !stopped()) {
    const auto rest = static_cast<size_t>(end - start);
    // What fits into the buffer goes faster through it than through the kernel's pipe.
    if (options->range && rest > kCopyBuffer) {
      off64_t in = start, out = start;
      const ssize_t copied = copy_file_range(from, &in, to, &out, std::min<size_t>(rest, 8 << 20), 0);
      if (copied > 0) {
        start += copied;
        continue;
      }
      // EXDEV before Linux 5.19, EINVAL and EOPNOTSUPP of some file systems.
      if (copied < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
        options->range = false;
        continue;
      }
      if (copied < 0 && errno == EINTR) continue;
      if (copied < 0) return Errno("copy_file_range");
      // The end, or a file that has contents only when they are read.
    }
    const ssize_t got = pread(from, buffer, std::min(rest, kCopyBuffer), start);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? Errno("read") : Fault();
    for (ssize_t put = 0; put < got;) {
      const ssize_t wrote = pwrite(to, buffer + put, static_cast<size_t>(got - put), start + put);
      if (wrote < 0 && errno != EINTR) return Errno("write");
      put += std::max<ssize_t>(wrote, 0);
    }
    start += got;
  }
  return {};
}

Fault CopyAttributes(int from, int to, const struct statx& status, const CopyOptions& options) {
  struct stat now;
  if (fstat(to, &now) != 0) return Errno("fstat");
  bool owned = true, changed = false;
  if (now.st_uid != status.stx_uid || now.st_gid != status.stx_gid) {
    changed = true;
    owned = fchown(to, status.stx_uid, status.stx_gid) == 0;
    if (!owned && !Passes(options)) return Errno("fchown");
  }
  // After chown, which takes capabilities away; before chmod, since a list of access rights sets the mode, too.
  const Fault fault = CopyXattrs({from, ""}, {to, ""}, options, &changed);
  if (fault) return fault;
  const mode_t mode = WithoutSetId(status.stx_mode & 07777, owned);
  if ((changed || (now.st_mode & 07777) != mode) && fchmod(to, mode) != 0) return Errno("fchmod");
  timespec times[2];
  Times(status, times);
  return futimens(to, times) == 0 ? Fault() : Errno("utimensat");
}

Fault CopyAttributesAt(int from, int directory, const char* name, const struct statx& status,
                       const CopyOptions& options) {
  const bool owned = fchownat(directory, name, status.stx_uid, status.stx_gid, AT_SYMLINK_NOFOLLOW) == 0;
  if (!owned && !Passes(options)) return Errno("fchownat");
  const UniqueFd to(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (to.Get() < 0) return Errno("openat");
  bool set = false;
  const Fault fault = CopyXattrs({from, PathOfFd(from)}, {to.Get(), PathOfFd(to.Get())}, options, &set);
  if (fault) return fault;
  const mode_t mode = WithoutSetId(status.stx_mode & 07777, owned);
  if (!S_ISLNK(status.stx_mode) && fchmodat(directory, name, mode, 0) != 0) return Errno("fchmodat");
  timespec times[2];
  Times(status, times);
  return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? Fault() : Errno("utimensat");
}

}  // namespace nsnet
