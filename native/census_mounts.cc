// Namespaces that are kept by mounts of their files (nsfs), here and in other mount namespaces; and the names of
// network namespaces.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string_view>

#include "census.h"

namespace nsnet {

namespace {

constexpr uint64_t kCached = 0x20;  // RESOLVE_CACHED, Linux 5.12
constexpr int kAttempts = 10;       // a walk in the cache fails, too, where something is renamed meanwhile
constexpr size_t kMostBytes = 64 * 1024 * 1024;
constexpr char kNames[] = "/run/netns";

// Names what is mounted on a path below `root`, but never waits for a file system, which may be in the hands of
// whoever is in that namespace: the way to a mount is always in the kernel's cache.
int OpenCached(int root, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = kCached | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    const auto fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return static_cast<int>(fd);
  }
  return -1;
}

std::string ReadAll(int fd) {
  std::string text;
  size_t size = 0;
  while (size < kMostBytes) {
    text.resize(size + 64 * 1024);
    const auto got = read(fd, &text[size], text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

std::string_view Word(std::string_view line, int number) {
  while (number-- > 0) line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
  return line.substr(0, line.find(' '));
}

// Blanks, tabs, newlines and backslashes are written as three octal digits.
std::string Plain(std::string_view word) {
  std::string plain;
  for (size_t i = 0; i < word.size(); i++) {
    if (word[i] != '\\' || i + 3 >= word.size()) {
      plain += word[i];
      continue;
    }
    plain += static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 + (word[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

}  // namespace

// The mounts of nsfs in a text of /proc/<pid>/mountinfo, whose paths begin at `root`.
void Census::Mounts(const std::string& table, const std::function<UniqueFd(const std::string&)>& open, PathRank rank,
                    const std::string& root) {
  const std::string_view text = table;
  for (size_t at = 0; at < text.size() && !Done();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.find(" - nsfs ") == std::string_view::npos) continue;
    const auto what = Word(line, 3);
    const std::string path = Plain(Word(line, 4));
    points_.insert(path);
    auto* found = Note(ParseNamespaceLink(what.data(), what.size()));
    if (found == nullptr) continue;
    found->certain = true;
    std::lock_guard<std::recursive_mutex> lock(OwnDescriptors());
    // Another mount may hide it.
    UniqueFd fd = OpenPinned(open(path));
    if (fd.Get() < 0 || LinkOf(fd.Get()).inode != found->inode) continue;
    Lead(found, rank, root + path);
    Learn(found, [&] { return std::move(fd); });
  }
}

void Census::OwnMounts() {
  const auto own = ReadLink(proc_.Get(), "self/ns/mnt");
  const UniqueFd table = Open(proc_.Get(), "self/mountinfo", O_RDONLY);
  const UniqueFd root = Open(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  if (own.kind != kMountKind || table.Get() < 0 || root.Get() < 0) return;
  tables_.insert(own.inode);
  const auto open = [&](const std::string& path) {
    UniqueFd fd(OpenCached(root.Get(), path));
    // Before Linux 5.12, or forbidden by a filter of system calls. These names are root's.
    if (fd.Get() < 0 && path.compare(0, sizeof kNames, std::string(kNames) + "/") == 0)
      fd = Open(AT_FDCWD, path.c_str(), O_PATH);
    return fd;
  };
  Mounts(ReadAll(table.Get()), open, PathRank::kPinned, "");
}

// By the first process or thread that shows them; `path` is its directory's.
void Census::MountsElsewhere(int process, const std::string& path, uint64_t inode) {
  if (inode == 0 || Done() || tables_.count(inode) > 0) return;
  const UniqueFd table = Open(process, "mountinfo", O_RDONLY);
  const UniqueFd root = Open(process, "root", O_PATH | O_DIRECTORY);
  if (table.Get() < 0 || root.Get() < 0) return;
  const std::string text = ReadAll(table.Get());
  if (text.empty()) return;
  tables_.insert(inode);
  const auto open = [&](const std::string& point) { return UniqueFd(OpenCached(root.Get(), point)); };
  Mounts(text, open, PathRank::kElsewhere, path + "/root");
}

// A link to a namespace's file is a name, too.
void Census::NamesOfNetworks() {
  const UniqueFd directory = Open(AT_FDCWD, kNames, O_RDONLY | O_DIRECTORY);
  std::vector<DirectoryEntry> entries;
  while (!Done() && directory.Get() >= 0) {
    if (ReadDirectory(directory.Get(), room_.data(), room_.size(), &entries) != 0 || entries.empty()) return;
    for (const auto& entry : entries) {
      std::lock_guard<std::recursive_mutex> lock(OwnDescriptors());
      const UniqueFd fd = OpenPinned(Open(directory.Get(), entry.name.c_str(), O_PATH));
      const auto link = fd.Get() < 0 ? NamespaceLink() : LinkOf(fd.Get());
      if (link.kind != kNetKind) continue;
      names_.emplace_back(link.inode, entry.name);
      auto* found = Note(link);
      found->certain = true;
      Learn(found, [&] { return UniqueFd(fcntl(fd.Get(), F_DUPFD_CLOEXEC, 0)); });
    }
  }
}

}  // namespace nsnet
