// Sockets: made inside a namespace, then used from here (a socket stays in the namespace it was made in).
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "arguments.h"
#include "excursion.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr size_t kMaxPacket = 65536 + 256;

struct Told {
  int32_t size;
  sockaddr_in6 sender;
};

// sockets(where, ownMemory, domain, type, protocol, count) → so many descriptors, or as many as there is room for
Napi::Value Sockets(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const int domain = IntArgument(info, 2), type = IntArgument(info, 3), protocol = IntArgument(info, 4);
  const int count = std::clamp(IntArgument(info, 5), 1, NSNET_MAX_KEPT);
  return Submit(info.Env(), [where, domain, type, protocol, count]() -> Finish {
    Program program(64, count);
    std::vector<int> made;
    made.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; i++)
      made.push_back(
          program.Step(SYS_socket, NSNET_KEEP | (i > 0 ? NSNET_OPTIONAL : 0), {domain, type | SOCK_CLOEXEC, protocol}));
    const int error = Excursion::Run(*where, program, false);
    if (error < 0) return Failure(error, program.FailedCall());
    auto fds = std::make_shared<std::vector<UniqueFd>>();
    for (const int step : made)
      if (program.ResultOf(step) >= 0) fds->push_back(program.Take(step));
    return [fds](Napi::Env env) -> Napi::Value {
      auto list = Napi::Array::New(env, fds->size());
      for (uint32_t i = 0; i < fds->size(); i++) list.Set(i, WrapFd(env, std::move((*fds)[i])));
      return list;
    };
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

// attachFilter(fd, instructions of struct sock_filter, or none to let all through) → 0 or -errno
Napi::Value AttachFilter(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Bytes bytes = BytesArgument(info, 1);
  std::vector<sock_filter> instructions(bytes.size() / sizeof(sock_filter));
  if (instructions.empty()) {
    const int none = 0;
    const int result = setsockopt(fd.Get(), SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none);
    // ENOENT: there was none.
    return Napi::Number::New(info.Env(), result < 0 && errno != ENOENT ? -errno : 0);
  }
  if (instructions.size() > BPF_MAXINSNS) return Napi::Number::New(info.Env(), -EINVAL);
  memcpy(instructions.data(), bytes.data(), instructions.size() * sizeof(sock_filter));
  const sock_fprog program = {static_cast<uint16_t>(instructions.size()), instructions.data()};
  return ZeroOrErrno(info.Env(), setsockopt(fd.Get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

Napi::Value Bind(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Bytes address = BytesArgument(info, 1);
  return ZeroOrErrno(info.Env(), bind(fd.Get(), reinterpret_cast<const sockaddr*>(address.data()),
                                      static_cast<socklen_t>(address.size())));
}

// connect(fd, address) → 0 or -errno: of one that does not wait, -EINPROGRESS
Napi::Value Connect(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Bytes address = BytesArgument(info, 1);
  return ZeroOrErrno(info.Env(), connect(fd.Get(), reinterpret_cast<const sockaddr*>(address.data()),
                                         static_cast<socklen_t>(address.size())));
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  return ZeroOrErrno(info.Env(), listen(fd.Get(), IntArgument(info, 1)));
}

// getsockname(fd) → its address, or -errno
Napi::Value GetSocketName(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd.Get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return Napi::Number::New(info.Env(), -errno);
  return NewBytes(info.Env(), &address, length);
}

// getpeername(fd) → whom it is connected to, or -errno
Napi::Value GetPeerName(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getpeername(fd.Get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return Napi::Number::New(info.Env(), -errno);
  return NewBytes(info.Env(), &address, length);
}

// linkName(fd, index) → the name of that link in the socket's namespace, or -errno. SIOCGIFNAME takes no rtnl lock.
Napi::Value LinkName(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  ifreq link = {};
  link.ifr_ifindex = IntArgument(info, 1);
  if (ioctl(fd.Get(), SIOCGIFNAME, &link) != 0) return Napi::Number::New(info.Env(), -errno);
  return Napi::String::New(info.Env(), link.ifr_name, strnlen(link.ifr_name, IFNAMSIZ));
}

// linkIndex(fd, name) → the reverse
Napi::Value LinkIndex(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const std::string name = StringArgument(info, 1);
  if (name.size() >= IFNAMSIZ) return Napi::Number::New(info.Env(), -ENODEV);
  ifreq link = {};
  name.copy(link.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd.Get(), SIOCGIFINDEX, &link) != 0) return Napi::Number::New(info.Env(), -errno);
  return Napi::Number::New(info.Env(), link.ifr_ifindex);
}

// send(fd, bytes, address or undefined, control data or undefined) → bytes sent or -errno; never waits
Napi::Value Send(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  Bytes bytes = BytesArgument(info, 1), address = BytesArgument(info, 2), control = BytesArgument(info, 3);
  iovec vector = {bytes.data(), bytes.size()};
  msghdr message = {};
  message.msg_name = address.empty() ? nullptr : address.data();
  message.msg_namelen = static_cast<socklen_t>(address.size());
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.empty() ? nullptr : control.data();
  message.msg_controllen = control.size();
  return ZeroOrErrno(info.Env(), static_cast<int>(sendmsg(fd.Get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL)));
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

// receiveDatagrams(fd, room, told) → how many; never waits. Their bytes are put into `room` one behind the other, for
// as long as the longest would have room; into `told`, 32-bit words, the errno that ended it or 0, then of each its
// size and who sent it, as struct sockaddr_in6. An error is told behind what came before it: reading takes it away.
Napi::Value ReceiveDatagrams(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  const Memory room = MemoryArgument(info, 1), told = MemoryArgument(info, 2);
  int32_t error = 0;
  if (told.size < sizeof error) return Napi::Number::New(info.Env(), -EINVAL);
  const size_t most = (told.size - sizeof error) / sizeof(Told);
  uint32_t count = 0;
  for (size_t used = 0; error == 0 && count < most && room.size - used >= kMaxPacket;) {
    Told one = {};
    socklen_t length = sizeof one.sender;
    const ssize_t size = recvfrom(fd.Get(), room.data + used, kMaxPacket, MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&one.sender), &length);
    if (size < 0) {
      if (errno != EINTR) error = -errno;
      continue;
    }
    one.size = static_cast<int32_t>(size);
    memcpy(told.data + sizeof error + count++ * sizeof one, &one, sizeof one);
    used += static_cast<size_t>(size);
  }
  memcpy(told.data, &error, sizeof error);
  return Napi::Number::New(info.Env(), count);
}

}  // namespace

void InitSockets(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "sockets", Sockets);
  Export(env, exports, "setsockopt", SetSocketOption);
  Export(env, exports, "getsockopt", GetSocketOption);
  Export(env, exports, "attachFilter", AttachFilter);
  Export(env, exports, "bind", Bind);
  Export(env, exports, "connect", Connect);
  Export(env, exports, "listen", Listen);
  Export(env, exports, "getsockname", GetSocketName);
  Export(env, exports, "getpeername", GetPeerName);
  Export(env, exports, "linkName", LinkName);
  Export(env, exports, "linkIndex", LinkIndex);
  Export(env, exports, "send", Send);
  Export(env, exports, "receive", Receive);
  Export(env, exports, "receiveDatagrams", ReceiveDatagrams);
}

}  // namespace nsnet
