// A program of system calls, run by a transient clone that shares this process's memory, or by the stub in memory
// of its own. Included by both, so it is freestanding: no libc, no TLS, no stack protector, no sanitizer.
#ifndef NSNET_PROGRAM_H_
#define NSNET_PROGRAM_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define NSNET_MAX_STEPS 1600  // an overlay of 500 layers, three for each
#define NSNET_MAX_KEPT 253    // descriptors in one message (SCM_MAX_FD)
#define NSNET_DATA_SIZE 2097152

#ifdef __cplusplus
extern "C" {
#endif

enum nsnet_argument { NSNET_VALUE = 0, NSNET_DATA = 1, NSNET_RESULT = 2 };

enum nsnet_step_flag {
  NSNET_KEEP = 1,            // the result is a descriptor to hand back
  NSNET_TEMPORARY = 2,       // the result is a descriptor to close at the end
  NSNET_OPTIONAL = 4,        // its failure does not end the program
  NSNET_STANDS = 8,          // what was done so far stands, whatever fails later
  NSNET_AFTER_FAILURE = 16,  // done only where an earlier step has failed, and fails quietly
};

// In place of a system call's number. Those behind the first are the stub's, for a process that is being started.
enum nsnet_special {
  NSNET_SAME = -1,       // 0 if eight bytes are the same in two places of the data, else -ESTALE
  NSNET_FORK = -2,       // goes on in a sibling, in the pid, time and control groups that are for children
  NSNET_INIT = -3,       // goes on in a child; this process stays as init
  NSNET_SYNC = -4,       // waits until whoever started it has done its part: maps, control groups
  NSNET_SIGNALS = -5,    // no signal blocked or ignored
  NSNET_ALIVE = -6,      // -ECANCELED if whoever started it is gone
  NSNET_INSIDE = -7,     // -EXDEV if the working directory is not below the root
  NSNET_READY = -8,      // from here on only a failure is told
  NSNET_FILTER = -9,     // seccomp(2), SECCOMP_SET_MODE_FILTER
  NSNET_DEVICE = -12,    // -ENODEV if a descriptor is not this character device
  NSNET_FORGET = -13,    // no descriptors but so many of the first
  NSNET_TERMINAL = -14,  // descriptor 0 is the terminal that controls the session
  NSNET_ASIDE = -11,     // what the stub needs itself is at a number of at least so much
  NSNET_EXEC = -10,      // of several paths the first that can be executed
};
#define NSNET_ESTALE 116

// What the stub says of a process that it starts, a byte each.
enum nsnet_word { NSNET_ANSWER = 0, NSNET_ASKS = 'S', NSNET_SIBLING = 'P', NSNET_STARTS = 'E', NSNET_THERE = 'L' };

struct nsnet_program;
#ifdef NSNET_STUB
static int64_t nsnet_special(struct nsnet_program* program, int i);
#endif

struct nsnet_step {
  int64_t args[6];  // a value, an offset into data, or the number of an earlier step
  int64_t result;   // what the call returned; -errno on failure
  int32_t number;
  uint8_t kinds[6];
  uint8_t flags;
  uint8_t done;
};

struct nsnet_program {
  int32_t count;
  int32_t failed;    // the step that ended it, or -1
  int32_t stands;    // so many of the first steps
  uint32_t data_at;  // where in this memory the data begins, behind room for the steps
  uint32_t data_size;
  uint32_t unused;
  struct nsnet_step steps[];
};

// The answer of a stub that was to start a process.
struct __attribute__((packed)) nsnet_failure {
  char word;  // NSNET_ANSWER
  int32_t failed;
  int32_t result;
};

// The room there can be at most.
#define NSNET_MAX_SIZE (sizeof(struct nsnet_program) + NSNET_MAX_STEPS * sizeof(struct nsnet_step) + NSNET_DATA_SIZE)

#if defined(__clang__)
#define NSNET_BARE __attribute__((no_sanitize("address", "undefined"), no_stack_protector))
#else
#define NSNET_BARE __attribute__((no_sanitize_address, no_sanitize_undefined, no_stack_protector))
#endif

NSNET_BARE static inline int64_t nsnet_syscall(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e,
                                               int64_t f) {
#if defined(__x86_64__)
  register int64_t r10 __asm__("r10") = d;
  register int64_t r8 __asm__("r8") = e;
  register int64_t r9 __asm__("r9") = f;
  int64_t result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register int64_t x8 __asm__("x8") = number;
  register int64_t x0 __asm__("x0") = a;
  register int64_t x1 __asm__("x1") = b;
  register int64_t x2 __asm__("x2") = c;
  register int64_t x3 __asm__("x3") = d;
  register int64_t x4 __asm__("x4") = e;
  register int64_t x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "nsnet has no system call sequence for this architecture"
#endif
}

NSNET_BARE static inline int64_t nsnet_argument(struct nsnet_program* program, int step, int index) {
  const int64_t value = program->steps[step].args[index];
  switch (program->steps[step].kinds[index]) {
    case NSNET_DATA: return (int64_t)(uintptr_t)program + program->data_at + value;
    case NSNET_RESULT: return program->steps[value].result;
    default: return value;
  }
}

NSNET_BARE static inline uint64_t nsnet_word(const struct nsnet_program* program, int step, int index) {
  const char* data = (const char*)program + program->data_at;
  return *(const volatile uint64_t*)(const void*)(data + program->steps[step].args[index]);
}

NSNET_BARE static inline int64_t nsnet_call(struct nsnet_program* program, int i) {
  const int64_t a = nsnet_argument(program, i, 0);
  const int64_t b = nsnet_argument(program, i, 1);
  if (program->steps[i].number == NSNET_SAME)
    return nsnet_word(program, i, 0) == nsnet_word(program, i, 1) ? 0 : -NSNET_ESTALE;
  if (program->steps[i].number < 0) {
#ifdef NSNET_STUB
    return nsnet_special(program, i);
#else
    return -38;  // ENOSYS
#endif
  }
  return nsnet_syscall(program->steps[i].number, a, b, nsnet_argument(program, i, 2), nsnet_argument(program, i, 3),
                       nsnet_argument(program, i, 4), nsnet_argument(program, i, 5));
}

NSNET_BARE static inline int nsnet_keeps(const struct nsnet_program* program, int i) {
  return (program->steps[i].flags & NSNET_KEEP) && (program->failed < 0 || i < program->stands);
}

// Ends with every temporary descriptor closed and, where it failed, those to keep as well that do not stand. A step's
// result is in memory as soon as the call returned, so that whoever started a clone that was killed can close what it
// opened.
NSNET_BARE static inline void nsnet_run(struct nsnet_program* program) {
  program->failed = -1;
  program->stands = 0;
  for (int i = 0; i < program->count; i++) {
    volatile struct nsnet_step* step = &program->steps[i];
    if ((program->failed >= 0) != ((step->flags & NSNET_AFTER_FAILURE) != 0)) continue;
    step->result = nsnet_call(program, i);
    step->done = 1;
    if (step->result < 0 && !(step->flags & (NSNET_OPTIONAL | NSNET_AFTER_FAILURE))) program->failed = i;
    if ((step->flags & NSNET_STANDS) && program->failed < 0) program->stands = i + 1;
  }
  for (int i = 0; i < program->count; i++) {
    volatile struct nsnet_step* step = &program->steps[i];
    const int close = (step->flags & (NSNET_TEMPORARY | NSNET_KEEP)) && !nsnet_keeps(program, i);
    if (step->done && step->result >= 0 && close) {
      step->done = 0;  // first: killed in between, nobody closes the number again, which may be another's by then
      nsnet_syscall(SYS_close, step->result, 0, 0, 0, 0, 0);
    }
  }
}

#ifdef __cplusplus
}
#endif

#endif  // NSNET_PROGRAM_H_
