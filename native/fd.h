// Descriptors as JavaScript holds them: closed when collected, when their environment ends, or when asked, and
// never while a job still uses the number.
#ifndef NSNET_FD_H_
#define NSNET_FD_H_

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "jobs.h"

namespace nsnet {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(-1); }
  int Get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd);

 private:
  int fd_ = -1;
};

// The descriptor behind a JavaScript object. Close() waits for its last user.
class FdBox {
 public:
  explicit FdBox(UniqueFd fd) : fd_(std::move(fd)) {}
  // A use keeps the number valid; false once closing has begun.
  bool Acquire();
  void Release();
  int Number() const;
  // Runs `closed` with the descriptor once nobody uses it any more; false if that was asked for before.
  bool Close(std::function<void(UniqueFd)> closed);
  // Gives the number away; -EBADF when closed, -EBUSY while in use.
  int Disown();
  // Jobs that must not overlap on this descriptor, in the order they were posted.
  const std::shared_ptr<TaskQueue>& Queue() const { return queue_; }
  // For tasks of the queue: one has failed, and those behind it must not be carried out as if it had not.
  bool halted = false;

 private:
  mutable std::mutex mutex_;
  UniqueFd fd_;
  int users_ = 0;
  bool closing_ = false;
  std::function<void(UniqueFd)> closed_;
  std::shared_ptr<TaskQueue> queue_ = std::make_shared<TaskQueue>();
};

// One use of a box, for as long as it lives.
class FdUse {
 public:
  FdUse() = default;
  explicit FdUse(std::shared_ptr<FdBox> box);
  FdUse(FdUse&& other) noexcept : box_(std::move(other.box_)) {}
  FdUse& operator=(FdUse&& other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~FdUse();
  explicit operator bool() const { return box_ != nullptr; }
  int Get() const { return box_ ? box_->Number() : -1; }
  bool IsOf(const FdBox& box) const { return box_.get() == &box; }

 private:
  std::shared_ptr<FdBox> box_;
};

Napi::Value WrapFd(Napi::Env env, UniqueFd fd);
// Throws a TypeError unless the value was made by WrapFd.
std::shared_ptr<FdBox> UnwrapFd(const Napi::Value& value);
// The same, as a use; its number is -1 when the descriptor is closed.
FdUse UseFd(const Napi::Value& value);

void InitFd(Napi::Env env, Napi::Object exports);

}  // namespace nsnet

#endif  // NSNET_FD_H_
