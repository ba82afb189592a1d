// Included before every source file of the release build: asks for the oldest version of the functions that glibc
// 2.32 to 2.34 moved into libc.so.6, so that a binary built here loads wherever Node itself does (glibc 2.28).
#ifndef NSNET_LINK_GLIBC_H_
#define NSNET_LINK_GLIBC_H_

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define NSNET_OLD(name, version) __asm__(".symver " #name "," #name "@GLIBC_" version)
NSNET_OLD(pthread_attr_setstacksize, "2.2.5");
NSNET_OLD(pthread_create, "2.2.5");
NSNET_OLD(pthread_detach, "2.2.5");
NSNET_OLD(pthread_once, "2.2.5");
NSNET_OLD(pthread_setname_np, "2.12");
NSNET_OLD(pthread_sigmask, "2.2.5");
#undef NSNET_OLD
#endif

#endif  // NSNET_LINK_GLIBC_H_
