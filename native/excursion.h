// The excursion: work inside other namespaces without a thread of this process ever changing its own.
//
// A transient clone (CLONE_VM|CLONE_VFORK|CLONE_FILES) is its own thread group, so it may join and make namespaces;
// it opens descriptors straight into this process's table, and exits. Since it shares this process's memory, whoever
// may ptrace it there could read and write that memory (the pattern of CVE-2016-9962): it never enters a user
// namespace or a pid namespace. Those are entered by the stub, which has memory of its own. What the clone may do is
// make a new user namespace, in which nobody is yet.
#ifndef NSNET_EXCURSION_H_
#define NSNET_EXCURSION_H_

#include <napi.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "fd.h"
#include "jobs.h"
#include "program.h"

namespace nsnet {

struct Argument {
  uint8_t kind;
  int64_t value;
  Argument(int v) : kind(NSNET_VALUE), value(v) {}            // NOLINT: reads as the call it stands for
  Argument(unsigned v) : kind(NSNET_VALUE), value(v) {}       // NOLINT
  Argument(long v) : kind(NSNET_VALUE), value(v) {}           // NOLINT
  Argument(unsigned long v) : kind(NSNET_VALUE), value(v) {}  // NOLINT
  Argument(uint8_t k, int64_t v) : kind(k), value(v) {}
};

class Program {
 public:
  // Room for so many bytes of data, and steps; -E2BIG at the run if more was put in.
  explicit Program(size_t capacity = 4096, int steps = 40);
  // Adds a call; returns its number.
  int Step(long number, uint8_t flags, std::initializer_list<Argument> arguments);
  Argument Data(const void* bytes, size_t size);
  Argument Text(const std::string& text) { return Data(text.c_str(), text.size() + 1); }
  // Fills room.
  void Put(const Argument& room, const void* bytes, size_t size);
  Argument Room(size_t size) { return Data(nullptr, size); }
  static Argument Result(int step) { return Argument(NSNET_RESULT, step); }

  int64_t ResultOf(int step) const { return program_->steps[step].result; }
  // The call that ended the program: 'setns', 'unshare', 'openat'…
  const char* FailedCall() const;
  // What was done up to the last step stands, whatever fails later.
  void LetStand() { program_->steps[program_->count - 1].flags |= NSNET_STANDS; }
  // Where the program failed: whether the step is one of those that stand.
  bool Stands(int step) const { return step < program_->stands; }
  // The step that ended the program; -1 where it was none of them.
  int FailedStep() const { return program_->failed; }
  // The descriptor that a step made, for the caller to own.
  UniqueFd Take(int step);
  // As it is handed to the stub; null if more was put in than there is room for.
  nsnet_program* Memory() { return overflow_ ? nullptr : program_.get(); }
  const uint8_t* At(const Argument& data) const { return DataAt(data.value); }

 private:
  friend class Excursion;
  static constexpr int kPrefix = 10;  // steps that a run puts before those of the program
  uint8_t* DataAt(int64_t offset) const {
    return reinterpret_cast<uint8_t*>(program_.get()) + program_->data_at + offset;
  }
  struct Free {
    void operator()(nsnet_program* program) const { free(program); }
  };
  std::unique_ptr<nsnet_program, Free> program_;
  size_t capacity_;
  int room_;
  int kept_ = 0;
  bool overflow_ = false;
  int failed_call_ = -1;
};

// Which namespaces to enter, in order, and by which way.
struct Where {
  struct Entry {
    FdUse fd;
    int type;
  };
  std::vector<Entry> entries;
  std::vector<FdUse> carried;  // what the program's steps name besides: the stub has them by the same numbers
  bool own_memory = false;     // by the stub
  bool closed = false;         // one of the descriptors was closed meanwhile

  bool Uses(const FdBox& fd) const;
  bool EntersUser() const;
  bool EntersForeignUser() const;
  // An array [descriptor, type, descriptor, type, …] and whether the stub is to be used.
  static Where From(const Napi::Value& list, const Napi::Value& own_memory);
};

class Excursion {
 public:
  // Runs the program inside; with `move` set it changes namespaces itself, so it needs a clone even if there is
  // nothing to enter. Returns 0 or -errno. Blocks: never on the JavaScript thread.
  static int Run(const Where& where, Program& program, bool move);
  // Forces the stub for everything, as on systems where CLONE_VM is not sane (QEMU's user mode, WSL 1).
  static void ForceOwnMemory(bool force);
  // Whether clones share memory here: probed once.
  static bool MemoryIsShared();
  static bool UsesOwnMemory(const Where& where);

 private:
  static int RunShared(Program& program);
};

// What a failed excursion gives to TypeScript: { errno, syscall }.
Finish Failure(int error, const char* syscall);

void InitExcursion(Napi::Env env, Napi::Object exports);

}  // namespace nsnet

#endif  // NSNET_EXCURSION_H_
