// Sockets: made inside a namespace, then used from here (a socket stays in the namespace it was made in).
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "arguments.h"
#include "excursion.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr size_t kMaxPacket = 65536 + 256;

// socket(where, ownMemory, domain, type, protocol) → descriptor
Napi::Value Socket(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const int domain = IntArgument(info, 2), type = IntArgument(info, 3), protocol = IntArgument(info, 4);
  return Submit(info.Env(), [where, domain, type, protocol]() -> Finish {
    Program program;
    const int made = program.Step(SYS_socket, NSNET_KEEP, {domain, type | SOCK_CLOEXEC, protocol});
    const int error = Excursion::Run(*where, program, false);
    if (error < 0) return Failure(error, program.FailedCall());
    auto fd = std::make_shared<UniqueFd>(program.Take(made));
    return [fd](Napi::Env env) -> Napi::Value { return WrapFd(env, std::move(*fd)); };
  });
}

Napi::Value ZeroOrErrno(Napi::Env env, int result) { return Napi::Number::New(env, result < 0 ? -errno : result); }

Napi::Value SetSocketOption(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Bytes value = BytesArgument(info, 3);
  return ZeroOrErrno(info.Env(), setsockopt(fd.Get(), IntArgument(info, 1), IntArgument(info, 2), value.data(),
                                            static_cast<socklen_t>(value.size())));
}

// getsockopt(fd, level, name, size) → bytes or -errno
Napi::Value GetSocketOption(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  uint8_t value[256];
  const int size = IntArgument(info, 3);
  socklen_t length = size < 0 || size > 256 ? 256 : static_cast<socklen_t>(size);
  if (getsockopt(fd.Get(), IntArgument(info, 1), IntArgument(info, 2), value, &length) != 0)
    return Napi::Number::New(info.Env(), -errno);
  return NewBytes(info.Env(), value, length);
}

Napi::Value Bind(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Bytes address = BytesArgument(info, 1);
  return ZeroOrErrno(info.Env(), bind(fd.Get(), reinterpret_cast<const sockaddr*>(address.data()),
                                      static_cast<socklen_t>(address.size())));
}

// send(fd, bytes, address or undefined) → bytes sent or -errno; never waits
Napi::Value Send(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Bytes bytes = BytesArgument(info, 1), address = BytesArgument(info, 2);
  return ZeroOrErrno(
      info.Env(), static_cast<int>(sendto(fd.Get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                          address.empty() ? nullptr : reinterpret_cast<const sockaddr*>(address.data()),
                                          static_cast<socklen_t>(address.size()))));
}

// receive(fd, count) → up to count of [bytes, address, control data, flags], or -errno; never waits
Napi::Value Receive(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const int count = IntArgument(info, 1);
  static thread_local std::unique_ptr<uint8_t[]> buffer(new uint8_t[kMaxPacket]);
  auto list = Napi::Array::New(info.Env());
  for (int i = 0; i < count; i++) {
    sockaddr_storage address;
    alignas(cmsghdr) uint8_t control[512];
    iovec vector = {buffer.get(), kMaxPacket};
    msghdr message = {};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(fd.Get(), &message, MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (i > 0) break;
      return Napi::Number::New(info.Env(), -errno);
    }
    auto packet = Napi::Array::New(info.Env(), 4);
    packet.Set(0u, NewBytes(info.Env(), buffer.get(), static_cast<size_t>(got)));
    packet.Set(1u, NewBytes(info.Env(), &address, message.msg_namelen));
    packet.Set(2u, NewBytes(info.Env(), control, message.msg_controllen));
    packet.Set(3u, Napi::Number::New(info.Env(), message.msg_flags));
    list.Set(list.Length(), packet);
  }
  return list;
}

}  // namespace

void InitSockets(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "socket", Socket);
  Export(env, exports, "setsockopt", SetSocketOption);
  Export(env, exports, "getsockopt", GetSocketOption);
  Export(env, exports, "bind", Bind);
  Export(env, exports, "send", Send);
  Export(env, exports, "receive", Receive);
}

}  // namespace nsnet
