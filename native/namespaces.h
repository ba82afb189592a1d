#ifndef NSNET_NAMESPACES_H_
#define NSNET_NAMESPACES_H_

#include <napi.h>

#include <cstdint>

#include "fd.h"

namespace nsnet {

// The one user namespace that owns every network namespace this process makes without privileges, made on first
// use: 0 and a descriptor of it, or -errno and the call that failed.
int SharedUserNamespace(UniqueFd* fd, const char** call);
bool IsSharedUserNamespace(int fd);

// The number of a namespace that is never used again, unlike its inode: of every type from Linux 6.18 on, of mount
// namespaces from 6.11. 0 before.
uint64_t UniqueOfNamespace(int fd, int type);

void InitNamespaces(Napi::Env env, Napi::Object exports);

}  // namespace nsnet

#endif  // NSNET_NAMESPACES_H_
