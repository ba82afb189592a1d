// Programs that are put together in TypeScript, as JavaScript hands them over: words, texts, bytes and descriptors.
#ifndef NSNET_BUILDER_H_
#define NSNET_BUILDER_H_

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "excursion.h"

namespace nsnet {

// What became of it: the program, and where its rooms are.
struct Outcome {
  Outcome(size_t capacity, size_t steps) : program(capacity, static_cast<int>(steps)), room_of(steps) {}
  Program program;
  std::vector<int32_t> results;
  std::vector<int> kept;
  std::vector<UniqueFd> opened;  // by those, for JavaScript to own; closed if it has ended meanwhile
  struct Room {
    int step;
    Argument at;
    size_t size;
  };
  std::vector<Room> rooms;
  std::vector<int64_t> room_of;  // where in the data a statx puts what it says; 0 of other calls
};

struct Request {
  // Reads [words, texts, bytes, descriptors] from the given argument on. `where` and `move` must be set before.
  void Read(const Napi::CallbackInfo& info, size_t from);

  Where where;
  bool move = false;
  bool starts = false;  // it becomes a process of its own
  std::vector<int64_t> words;
  std::string texts;  // each ended by a NUL
  Bytes bytes;
  std::shared_ptr<Outcome> outcome;
};

// The names of the calls there are; a step begins with the place of its call in this list.
std::vector<const char*> CallNames();

}  // namespace nsnet

#endif  // NSNET_BUILDER_H_
