#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>

#include "arguments.h"
#include "copies.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr napi_type_tag kFdTag = {0x6e736e6574206664, 0x9d1c60f2a3b84e57};

// Names that a process without /run/netns gives its namespaces: known to all its threads, gone with the descriptor.
std::mutex labels_mutex;
std::map<std::string, std::weak_ptr<FdBox>>& Labels() {
  static auto* labels = new std::map<std::string, std::weak_ptr<FdBox>>();
  return *labels;
}

// What the JavaScript object holds.
struct Holder {
  std::shared_ptr<FdBox> box;
  std::shared_ptr<Environment> environment;
};

// Off the JavaScript thread, as in FdClose.
void CloseElsewhere(FdBox& box) {
  box.Close([](UniqueFd last) {
    auto moved = std::make_shared<UniqueFd>(std::move(last));
    if (moved->Get() >= 0) Threads().Post([moved] { moved->Reset(-1); });
  });
}

Napi::Value FdNumber(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), UnwrapFd(info[0])->Number());
}

Napi::Value FdDup(const Napi::CallbackInfo& info) {
  const int fd = fcntl(IntArgument(info, 0), F_DUPFD_CLOEXEC, 0);
  return fd < 0 ? Napi::Value(Napi::Number::New(info.Env(), -errno)) : WrapFd(info.Env(), UniqueFd(fd));
}

// fdOwn(number) → the descriptor as an object that closes it, or -errno
Napi::Value FdOwn(const Napi::CallbackInfo& info) {
  const int fd = IntArgument(info, 0);
  if (fcntl(fd, F_GETFD) < 0) return Napi::Number::New(info.Env(), -errno);
  return WrapFd(info.Env(), UniqueFd(fd));
}

Napi::Value FdRelease(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), UnwrapFd(info[0])->Disown());
}

// Closing the last descriptor of a socket or namespace may wait for the kernel, so it is done on a thread.
Napi::Value FdClose(const Napi::CallbackInfo& info) {
  auto box = UnwrapFd(info[0]);
  auto pending = Pending::New(info.Env());
  const bool first = box->Close([pending](UniqueFd fd) {
    auto held = std::make_shared<UniqueFd>(std::move(fd));
    Threads().Post([pending, held] {
      held->Reset(-1);
      WaitForCopies();
      pending->Settle([](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, 0); });
    });
  });
  if (!first) pending->Settle([](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, -EBADF); });
  return pending->Promise();
}

// fdCopies(): a promise for the end of the copies that clones have of this process's descriptors; undefined if there
// are none
Napi::Value FdCopies(const Napi::CallbackInfo& info) {
  if (!AreThereCopies()) return info.Env().Undefined();
  return Submit(info.Env(), []() -> Finish {
    WaitForCopies();
    return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
  });
}

// fdCloseNow(fd): on this thread, or where it is in use still on that of its last user.
Napi::Value FdCloseNow(const Napi::CallbackInfo& info) {
  UnwrapFd(info[0])->Close([](UniqueFd fd) { fd.Reset(-1); });
  return info.Env().Undefined();
}

Napi::Value Label(const Napi::CallbackInfo& info) {
  const std::string name = StringArgument(info, 0);
  auto box = UnwrapFd(info[1]);
  std::lock_guard<std::mutex> lock(labels_mutex);
  auto& entry = Labels()[name];
  auto holder = entry.lock();
  if (holder && holder->Number() >= 0) return Napi::Number::New(info.Env(), -EEXIST);
  entry = box;
  return Napi::Number::New(info.Env(), 0);
}

Napi::Value Labelled(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(labels_mutex);
  auto found = Labels().find(StringArgument(info, 0));
  auto box = found == Labels().end() ? nullptr : found->second.lock();
  FdUse use(box);
  if (!use) return Napi::Number::New(info.Env(), -ENOENT);
  const int fd = fcntl(use.Get(), F_DUPFD_CLOEXEC, 0);
  return fd < 0 ? Napi::Value(Napi::Number::New(info.Env(), -errno)) : WrapFd(info.Env(), UniqueFd(fd));
}

// unlabel(name, inode) → 0, or -ENOENT where the name does not mean that namespace
Napi::Value Unlabel(const Napi::CallbackInfo& info) {
  const std::string name = StringArgument(info, 0);
  const auto inode = static_cast<ino_t>(LongArgument(info, 1));
  std::lock_guard<std::mutex> lock(labels_mutex);
  auto found = Labels().find(name);
  auto box = found == Labels().end() ? nullptr : found->second.lock();
  struct stat status;
  const bool means = box && box->Number() >= 0 && fstat(box->Number(), &status) == 0 && status.st_ino == inode;
  if (means || (found != Labels().end() && (!box || box->Number() < 0))) Labels().erase(found);
  return Napi::Number::New(info.Env(), means ? 0 : -ENOENT);
}

Napi::Value LabelNames(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(labels_mutex);
  auto names = Napi::Array::New(info.Env());
  for (auto it = Labels().begin(); it != Labels().end();) {
    auto box = it->second.lock();
    if (box && box->Number() >= 0) {
      names.Set(names.Length(), Napi::String::New(info.Env(), it->first));
      ++it;
    } else {
      it = Labels().erase(it);
    }
  }
  return names;
}

}  // namespace

void UniqueFd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

bool FdBox::Acquire() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_) return false;
  users_++;
  return true;
}

void FdBox::Release() {
  std::function<void(UniqueFd)> closed;
  UniqueFd fd;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (--users_ > 0 || !closed_) return;
    closed = std::move(closed_);
    closed_ = nullptr;
    fd = std::move(fd_);
  }
  closed(std::move(fd));
}

int FdBox::Number() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return closing_ && users_ == 0 ? -1 : fd_.Get();
}

bool FdBox::Close(std::function<void(UniqueFd)> closed) {
  UniqueFd fd;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return false;
    closing_ = true;
    if (users_ > 0) {
      closed_ = std::move(closed);
      return true;
    }
    fd = std::move(fd_);
  }
  closed(std::move(fd));
  return true;
}

int FdBox::Disown() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_) return -EBADF;
  if (users_ > 0) return -EBUSY;
  closing_ = true;
  return fd_.Release();
}

FdUse::FdUse(std::shared_ptr<FdBox> box) {
  if (box && box->Acquire()) box_ = std::move(box);
}

FdUse::~FdUse() {
  if (box_) box_->Release();
}

Napi::Value WrapFd(Napi::Env env, UniqueFd fd) {
  auto holder = std::make_unique<Holder>();
  holder->box = std::make_shared<FdBox>(std::move(fd));
  holder->environment = Environment::Of(env);
  auto object = Napi::Object::New(env);
  const auto finalize = [](napi_env, void* data, void*) {
    std::unique_ptr<Holder> held(static_cast<Holder*>(data));
    held->environment->Forget(held.get());
    CloseElsewhere(*held->box);
  };
  if (napi_wrap(env, object, holder.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  holder->environment->AtEnd(holder.get(), [box = holder->box] { CloseElsewhere(*box); });
  holder.release();
  if (napi_type_tag_object(env, object, &kFdTag) != napi_ok) throw Napi::Error::New(env);
  return object;
}

std::shared_ptr<FdBox> UnwrapFd(const Napi::Value& value) {
  bool ours = false;
  void* data = nullptr;
  const bool found = value.IsObject() && napi_check_object_type_tag(value.Env(), value, &kFdTag, &ours) == napi_ok &&
                     ours && napi_unwrap(value.Env(), value, &data) == napi_ok;
  if (!found) throw Napi::TypeError::New(value.Env(), "Expected a descriptor of nsnet's");
  return static_cast<Holder*>(data)->box;
}

FdUse UseFd(const Napi::Value& value) { return FdUse(UnwrapFd(value)); }

void InitFd(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "fdNumber", FdNumber);
  Export(env, exports, "fdDup", FdDup);
  Export(env, exports, "fdOwn", FdOwn);
  Export(env, exports, "fdRelease", FdRelease);
  Export(env, exports, "fdClose", FdClose);
  Export(env, exports, "fdCopies", FdCopies);
  Export(env, exports, "fdCloseNow", FdCloseNow);
  Export(env, exports, "label", Label);
  Export(env, exports, "labelled", Labelled);
  Export(env, exports, "unlabel", Unlabel);
  Export(env, exports, "labelNames", LabelNames);
}

}  // namespace nsnet
