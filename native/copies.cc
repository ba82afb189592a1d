#include "copies.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

namespace nsnet {

namespace {

struct Copies {
  std::mutex mutex;
  std::condition_variable fewer;
  std::set<uint64_t> there;
  uint64_t last = 0;
};

Copies& All() {
  static auto* all = new Copies();
  return *all;
}

uint64_t Begin() {
  auto& all = All();
  std::lock_guard<std::mutex> lock(all.mutex);
  return *all.there.insert(++all.last).first;
}

}  // namespace

Copy::Copy() : number_(Begin()) {}

Copy::~Copy() {
  auto& all = All();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.there.erase(number_);
  all.fewer.notify_all();
}

bool AreThereCopies() {
  auto& all = All();
  std::lock_guard<std::mutex> lock(all.mutex);
  return !all.there.empty();
}

void WaitForCopies() {
  auto& all = All();
  std::unique_lock<std::mutex> lock(all.mutex);
  const uint64_t last = all.last;
  // In slices: the unbounded wait needs a newer libstdc++ than prebuilt binaries may.
  const auto gone = [&all, last] { return all.there.empty() || *all.there.begin() > last; };
  while (!gone()) all.fewer.wait_for(lock, std::chrono::seconds(1));
}

}  // namespace nsnet
