// Processes, their threads, and what they hold.
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <utility>

#include "census.h"

namespace nsnet {

namespace {

// A directory of threads has two links, and one for each.
constexpr nlink_t kLinksOfOne = 3;

// Where it cannot be told, threads are taken to share what they hold, as nearly all do.
bool HaveOtherDescriptors(int one, int other) { return syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0) > 0; }

}  // namespace

NamespaceLink Census::ReadLink(int at, const char* path, int* error) {
  const auto size = readlinkat(at, path, text_.data(), text_.size());
  if (size < 0 && error != nullptr) *error = errno;
  return size < 0 ? NamespaceLink() : ParseNamespaceLink(text_.data(), static_cast<size_t>(size));
}

// What was opened where it is mounted says so instead, or "/" if it is not mounted there any more.
NamespaceLink Census::ReadDescriptor(int at, const char* name) {
  const auto size = readlinkat(at, name, text_.data(), text_.size());
  if (size <= 0) return {};
  if (text_[0] != '/') return ParseNamespaceLink(text_.data(), static_cast<size_t>(size));
  if (size > 1 && (points_.empty() || points_.count(std::string(text_.data(), static_cast<size_t>(size))) == 0))
    return {};
  std::lock_guard<std::recursive_mutex> lock(OwnDescriptors());
  const UniqueFd fd = OpenPinned(Open(at, name, O_PATH));
  return fd.Get() < 0 ? NamespaceLink() : LinkOf(fd.Get());
}

// The next entries of a directory that are numbers; it is opened the first time.
bool Census::ListNumbers(int at, const char* path, std::vector<DirectoryEntry>* all, UniqueFd* directory) {
  if (directory->Get() < 0) *directory = Open(at, path, O_RDONLY | O_DIRECTORY);
  if (stopped_()) error_ = -ECANCELED;
  if (Done() || directory->Get() < 0) return false;
  if (ReadDirectory(directory->Get(), room_.data(), room_.size(), all) != 0 || all->empty()) return false;
  size_t kept = 0;
  for (auto& entry : *all)
    if (entry.name[0] >= '0' && entry.name[0] <= '9') std::swap((*all)[kept++], entry);
  all->resize(kept);
  return true;
}

void Census::Processes() {
  UniqueFd list;
  std::vector<DirectoryEntry> entries;
  while (ListNumbers(proc_.Get(), ".", &entries, &list)) {
    for (const auto& entry : entries) {
      if (Done() || stopped_()) break;
      Process(entry.name);
    }
  }
}

// Everything is relative to its directory, which means this process for ever: not another that is given its number.
void Census::Process(const std::string& pid) {
  const UniqueFd process = Open(proc_.Get(), pid.c_str(), O_PATH | O_DIRECTORY);
  if (process.Get() < 0) return;
  Inodes own = {};
  for (size_t kind = 0; kind < kKinds; kind++) {
    const auto& what = kNamespaceKinds[kind];
    if (!Reads(static_cast<int>(kind))) continue;
    int error = 0;
    auto* found = Note(ReadLink(process.Get(), what.link, &error));
    if (error == EACCES || error == EPERM) return;  // not for this process to look into, and so is all the rest of it
    if (found == nullptr) continue;
    own[kind] = found->inode;
    found->pids.push_back(atoi(pid.c_str()));
    if (MustBeKnown(*found)) Learn(found, [&] { return OpenLink(process.Get(), what.link, O_RDONLY, *found); });
  }
  if (!options_.holders || Done()) return;
  const std::string path = "/proc/" + pid;
  Children(process.Get(), path);
  MountsElsewhere(process.Get(), path, own[kMountKind]);
  ThreadsOf(process.Get(), pid, own);
  Descriptors(process.Get(), pid);
}

void Census::Children(int directory, const std::string& path) {
  for (size_t kind = 0; kind < kKinds; kind++) {
    const char* file = kNamespaceKinds[kind].children;
    if (file == nullptr || !Reads(static_cast<int>(kind))) continue;
    Holder(directory, file, ReadLink(directory, file), path + "/" + file);
  }
}

void Census::ThreadsOf(int process, const std::string& pid, const Inodes& leader) {
  struct stat status;
  if (fstatat(process, "task", &status, 0) != 0 || status.st_nlink == kLinksOfOne) return;
  UniqueFd list;
  std::vector<DirectoryEntry> threads;
  std::string sharing = pid;
  while (ListNumbers(process, "task", &threads, &list)) {
    for (const auto& thread : threads) {
      if (thread.name == pid || Done()) continue;
      const UniqueFd directory = Open(list.Get(), thread.name.c_str(), O_PATH | O_DIRECTORY);
      if (directory.Get() < 0) continue;
      Thread(directory.Get(), pid, thread.name, leader);
      // The numbers must be those that this process sees.
      if (self_ != getpid() || !HaveOtherDescriptors(atoi(sharing.c_str()), atoi(thread.name.c_str()))) continue;
      Descriptors(directory.Get(), pid + "/task/" + thread.name);
      sharing = thread.name;
    }
  }
}

void Census::Thread(int thread, const std::string& pid, const std::string& name, const Inodes& leader) {
  const std::string path = "/proc/" + pid + "/task/" + name;
  for (size_t kind = 0; kind < kKinds; kind++) {
    if (!Reads(static_cast<int>(kind))) continue;
    const char* file = kNamespaceKinds[kind].link;
    const auto link = ReadLink(thread, file);
    if (link.kind < 0 || link.inode == leader[kind]) continue;
    Holder(thread, file, link, path + "/" + file);
    if (kind == kMountKind) MountsElsewhere(thread, path, link.inode);
    // Of a process whose first thread has ended, the others are the process.
    auto* found = leader[kind] == 0 ? Note(link) : nullptr;
    const int number = atoi(pid.c_str());
    if (found != nullptr && (found->pids.empty() || found->pids.back() != number)) found->pids.push_back(number);
  }
  Children(thread, path);
}

// `path` is that of the directory, below /proc.
void Census::Descriptors(int directory, const std::string& path) {
  std::unique_lock<std::recursive_mutex> lock(OwnDescriptors(), std::defer_lock);
  if (path == std::to_string(self_)) lock.lock();
  UniqueFd fds;
  std::vector<DirectoryEntry> entries;
  while (ListNumbers(directory, "fd", &entries, &fds)) {
    for (const auto& entry : entries) {
      const auto link = ReadDescriptor(fds.Get(), entry.name.c_str());
      if (link.kind >= 0) Holder(fds.Get(), entry.name, link, "/proc/" + path + "/fd/" + entry.name);
    }
  }
}

void Census::Holder(int at, const std::string& file, const NamespaceLink& link, const std::string& path) {
  auto* found = Note(link);
  if (found == nullptr) return;
  Lead(found, PathRank::kHolder, path);
  Learn(found, [&] { return OpenPinned(OpenLink(at, file.c_str(), O_PATH, *found)); });
}

}  // namespace nsnet
