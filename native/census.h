// The namespaces of this machine and what keeps them, as far as /proc shows them to this process: read in one go, and
// nothing is held afterwards.
#ifndef NSNET_CENSUS_H_
#define NSNET_CENSUS_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fd.h"
#include "tree.h"

namespace nsnet {

struct NamespaceKind {
  int flag;              // CLONE_NEW…
  const char* name;      // as the links in /proc/<pid>/ns say it
  const char* link;      // below /proc/<pid>
  const char* children;  // the same of children to come; may be null
};

constexpr size_t kKinds = 8;
extern const std::array<NamespaceKind, kKinds> kNamespaceKinds;  // by flag, ascending
constexpr int kMountKind = 1;
constexpr int kUserKind = 5;
constexpr int kPidKind = 6;
constexpr int kNetKind = 7;

// What a link to a namespace says: "net:[4026531840]".
struct NamespaceLink {
  int kind = -1;  // index into kNamespaceKinds; -1: it is something else, or cannot be read
  uint64_t inode = 0;
};
NamespaceLink ParseNamespaceLink(const char* text, size_t size);

// How well a path leads to a namespace: the best is told.
enum class PathRank : uint8_t { kPinned, kHolder, kElsewhere, kNone };

struct FoundNamespace {
  int kind;
  uint64_t inode;
  bool known = false;    // its file was opened and asked
  bool certain = false;  // it cannot have been gone before this was begun, although it was not opened
  double uid = -1;
  double owner = 0;
  double parent = 0;
  double unique = 0;
  PathRank rank = PathRank::kNone;
  std::string path;
  std::vector<int32_t> pids;
};

struct CensusOptions {
  int types = 0;        // flags of those that are wanted
  bool holders = true;  // look for those that are kept only by descriptors, threads and mounts as well
  // One that is to be opened, and the rest not to be told.
  uint64_t inode = 0;
  double unique = 0;  // 0: not known
  int first = 0;      // a process to be asked before the others
};

class Census {
 public:
  Census(const CensusOptions& options, std::function<bool()> stopped);

  // 0 or -errno; -ECANCELED where it was stopped.
  int Run();

  // By type and inode.
  std::vector<const FoundNamespace*> Found() const;
  // The files under /run/netns that mean a network namespace, with its inode.
  const std::vector<std::pair<uint64_t, std::string>>& Names() const { return names_; }
  // The one that was to be opened.
  UniqueFd TakeOpened() { return std::move(opened_); }

 private:
  using Opener = std::function<UniqueFd()>;
  using Inodes = std::array<uint64_t, kKinds>;  // 0: it has none

  // While one census has a namespace's file open, another must not take that for somebody's holding it.
  static std::recursive_mutex& OwnDescriptors();

  static int FlagOf(int kind) { return kNamespaceKinds[static_cast<size_t>(kind)].flag; }
  bool Reads(int kind) const { return (reading_ & FlagOf(kind)) != 0; }
  bool Done() const { return error_ != 0 || opened_.Get() >= 0; }
  void CannotOpen();
  UniqueFd Open(int at, const char* path, int flags);
  // A link to a namespace; ENOENT where it means another one, or cannot be read any more.
  UniqueFd OpenLink(int at, const char* path, int flags, const FoundNamespace& found);

  // Notes that there is one; null where it is of no interest.
  FoundNamespace* Note(const NamespaceLink& link);
  bool MustBeKnown(const FoundNamespace& found) const;
  // Asks the kernel about it, unless that is done or not needed, by a file that `opener` opens if it can.
  void Learn(FoundNamespace* found, const Opener& opener);
  void Ask(FoundNamespace* found, UniqueFd fd);
  double Related(int fd, unsigned long request, int kind);
  // What an O_PATH descriptor is of, opened for asking; nothing unless it is a namespace's file.
  UniqueFd OpenPinned(const UniqueFd& path);
  static NamespaceLink LinkOf(int fd);
  static void Lead(FoundNamespace* found, PathRank rank, const std::string& path);

  // Processes and their threads.
  void Processes();
  void Process(const std::string& pid);
  void ThreadsOf(int process, const std::string& pid, const Inodes& leader);
  void Thread(int thread, const std::string& pid, const std::string& name, const Inodes& leader);
  void Children(int directory, const std::string& path);
  void Descriptors(int directory, const std::string& path);
  void Holder(int at, const std::string& file, const NamespaceLink& link, const std::string& path);
  NamespaceLink ReadLink(int at, const char* path, int* error = nullptr);
  NamespaceLink ReadDescriptor(int at, const char* name);
  bool ListNumbers(int at, const char* path, std::vector<DirectoryEntry>* all, UniqueFd* directory);

  // Mounts of namespace files.
  void OwnMounts();
  void MountsElsewhere(int process, const std::string& path, uint64_t inode);
  void Mounts(const std::string& table, const std::function<UniqueFd(const std::string&)>& open, PathRank rank,
              const std::string& root);
  void NamesOfNetworks();

  const CensusOptions options_;
  const std::function<bool()> stopped_;
  int reading_ = 0;
  int error_ = 0;
  UniqueFd proc_;
  int self_ = 0;  // this process, as this /proc numbers it; 0 where it does not show it
  std::map<std::pair<int, uint64_t>, FoundNamespace> found_;
  std::array<FoundNamespace*, kKinds> last_ = {};
  dev_t device_ = 0;              // that namespaces' files are on
  std::set<std::string> points_;  // where such files are mounted, as far as read
  std::set<uint64_t> tables_;     // mount namespaces whose mounts were read
  std::vector<std::pair<uint64_t, std::string>> names_;
  std::vector<char> room_;
  std::vector<char> text_;
  UniqueFd opened_;
};

}  // namespace nsnet

#endif  // NSNET_CENSUS_H_
