// What /proc tells of processes.
#ifndef NSNET_PROC_FILES_H_
#define NSNET_PROC_FILES_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace nsnet {

// What is written there in one go: 0, or the number of the error.
int WriteFile(const std::string& path, const std::string& text);

// The number that a process has here, whatever it is called where it is.
pid_t PidOf(int pidfd);

// By its name, which nothing else that is a child of its thread has: others' children may have become ours.
bool IsStub(pid_t pid);

// Where the kernel tells them (CONFIG_PROC_CHILDREN).
std::vector<pid_t> ChildrenOfThread();

}  // namespace nsnet

#endif  // NSNET_PROC_FILES_H_
