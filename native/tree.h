// What copying and removing a tree have in common: reading directories, being stopped, and saying where it failed.
#ifndef NSNET_TREE_H_
#define NSNET_TREE_H_

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "copy_file.h"
#include "jobs.h"

namespace nsnet {

struct DirectoryEntry {
  std::string name;
  unsigned char type;  // DT_…, which may be out of date, or DT_UNKNOWN
};

// The next entries of a directory, as many as fit into `room`, without . and ..; none at its end. 0, or an errno.
int ReadDirectory(int fd, char* room, size_t size, std::vector<DirectoryEntry>* entries);

// Work on a tree: it ends when it is done, when it fails, when it is stopped, or with the environment that began it.
class TreeJob {
 public:
  // On the JavaScript thread: [promise, stop]. `self` is kept alive by the function.
  Napi::Value Promise(Napi::Env env, const std::shared_ptr<TreeJob>& self);
  virtual ~TreeJob() = default;

 protected:
  bool Stopped();
  // The first failure counts.
  void Fail(const Fault& fault, const std::string& path);
  // Once: with `value`, or with the failure.
  void Settle(double value);

 private:
  std::atomic<bool> stopped_ = false;
  std::mutex fault_mutex_;
  Fault fault_;
  std::string path_;
  std::shared_ptr<Environment> environment_;
  std::shared_ptr<Pending> pending_;
};

}  // namespace nsnet

#endif  // NSNET_TREE_H_
