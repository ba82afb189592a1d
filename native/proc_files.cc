#include "proc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "fd.h"

namespace nsnet {

int WriteFile(const std::string& path, const std::string& text) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.Get() < 0) return errno;
  ssize_t written;
  do written = write(file.Get(), text.data(), text.size());
  while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

pid_t PidOf(int pidfd) {
  char text[512];
  UniqueFd file(open(("/proc/self/fdinfo/" + std::to_string(pidfd)).c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = file.Get() < 0 ? -1 : read(file.Get(), text, sizeof text - 1);
  if (size <= 0) return -1;
  text[size] = 0;
  const char* found = strstr(text, "\nPid:");
  return found == nullptr ? -1 : static_cast<pid_t>(strtol(found + 5, nullptr, 10));
}

bool IsStub(pid_t pid) {
  char name[32];
  UniqueFd file(open(("/proc/" + std::to_string(pid) + "/comm").c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = file.Get() < 0 ? -1 : read(file.Get(), name, sizeof name);
  return size > 0 && std::string(name, static_cast<size_t>(size)).find("nsnet-stu") != std::string::npos;
}

std::vector<pid_t> ChildrenOfThread() {
  std::string text;
  char part[4096];
  UniqueFd file(open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC));
  for (ssize_t size = 1; file.Get() >= 0 && size > 0;) {
    size = read(file.Get(), part, sizeof part);
    if (size > 0) text.append(part, static_cast<size_t>(size));
  }
  std::vector<pid_t> pids;
  char* rest = nullptr;
  for (char* word = strtok_r(text.data(), " ", &rest); word != nullptr; word = strtok_r(nullptr, " ", &rest))
    pids.push_back(static_cast<pid_t>(strtol(word, nullptr, 10)));
  return pids;
}

}  // namespace nsnet
