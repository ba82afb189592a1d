// What the compiler's newer glibc and libstdc++ have and the oldest ones that Node supports (glibc 2.28, GCC 8) lack.
// Defined here, they are found here.
#ifdef __linux__
#include <features.h>
#endif

#ifdef __GLIBC__
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <new>

extern "C" {

// libstdc++ reads it to do without atomic operations; 0 tells it that there are threads. glibc 2.32.
char __libc_single_threaded = 0;

// std::condition_variable::wait_for. glibc 2.30; the default clock is the one that every version can wait by.
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* deadline) {
  timespec now, until;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += deadline->tv_sec - now.tv_sec;
  until.tv_nsec += deadline->tv_nsec - now.tv_nsec;
  if (until.tv_nsec < 0) {
    until.tv_sec -= 1;
    until.tv_nsec += 1000000000;
  } else if (until.tv_nsec >= 1000000000) {
    until.tv_sec += 1;
    until.tv_nsec -= 1000000000;
  }
  return pthread_cond_timedwait(condition, mutex, &until);
}

// Inline functions over __fxstat and __fxstatat until glibc 2.33.
int nsnet_fstat(int fd, void* status) __asm__("fstat64");
int nsnet_fstat(int fd, void* status) { return static_cast<int>(syscall(SYS_fstat, fd, status)); }
int nsnet_fstatat(int directory, const char* path, void* status, int flags) __asm__("fstatat64");
int nsnet_fstatat(int directory, const char* path, void* status, int flags) {
  return static_cast<int>(syscall(SYS_newfstatat, directory, path, status, flags));
}

}  // extern "C"

namespace std {
// GCC 11.
void __throw_bad_array_new_length() { throw bad_array_new_length(); }
}  // namespace std
#endif
