// One file of a tree that is copied: its contents, and what it is besides them.
#ifndef NSNET_COPY_FILE_H_
#define NSNET_COPY_FILE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>

namespace nsnet {

// A call that failed: the errno as a positive number; 0 is none.
struct Fault {
  int error = 0;
  const char* call = "";
  explicit operator bool() const { return error != 0; }
};

Fault Errno(const char* call);

struct CopyOptions {
  // An owner, or an attribute under security., that this user may not give is left out, setuid and setgid with it.
  bool map_owners = false;
  bool devices = false;
  // Which ways to copy contents are still worth trying: none is, once the file system has said that it has it not.
  std::atomic<bool> clone{true};
  std::atomic<bool> range{true};
};

// statx(2) of a descriptor, an O_PATH one included; or of what `name` is in it, a symbolic link itself.
Fault Status(int fd, const char* name, struct statx* status);
// A mount has a number from Linux 5.8 on; before, directories of another device are taken for another mount.
bool SameMount(const struct statx& one, const struct statx& other);

// Where this process's descriptors have names.
constexpr const char* kDescriptors = "/proc/self/fd";
// Names, for as long as they are used, what an O_PATH descriptor stands for.
std::string PathOfFd(int fd);

constexpr size_t kCopyBuffer = 128 * 1024;

// Copies `length` bytes at `start`, or as many as there still are; `buffer` has kCopyBuffer bytes.
Fault CopyRange(int from, int to, off_t start, off_t length, CopyOptions* options, char* buffer,
                const std::function<bool()>& stopped);
// Shares the blocks of the whole file, where the file system can (FICLONE).
bool Clone(int from, int to, CopyOptions* options);

// Owner, extended attributes, mode and times, in the order in which none undoes another. `to` is a file or directory
// that is open, made by this user with `made` as its status.
Fault CopyAttributes(int from, int to, const struct statx& status, const CopyOptions& options);
// The same of what is no file and no directory: `from` is an O_PATH descriptor.
Fault CopyAttributesAt(int from, int directory, const char* name, const struct statx& status,
                       const CopyOptions& options);

}  // namespace nsnet

#endif  // NSNET_COPY_FILE_H_
