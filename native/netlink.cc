// The netlink transport: moves bytes. What the messages mean is TypeScript's business; here only their lengths,
// sequence numbers and the three kinds of end (an ack, DONE, silence) are looked at.
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <memory>

#include "arguments.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr size_t kBufferSize = 1024 * 1024;  // mapped only as far as it is used
constexpr size_t kChunkSize = 512 * 1024;
// The kernel answers within the send. A family that does not is waited for, but not for ever.
constexpr int kAnswerMilliseconds = 5000;

uint8_t* ReceiveBuffer() {
  static thread_local std::unique_ptr<uint8_t[]> buffer(new uint8_t[kBufferSize]);
  return buffer.get();
}

int SendAll(int fd, const uint8_t* bytes, size_t size) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    const ssize_t sent = sendto(fd, bytes, size, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
    if (sent == static_cast<ssize_t>(size)) return 0;
    if (sent >= 0) return -EIO;
    if (errno != EINTR) return -errno;
  }
}

// One datagram of the kernel's into `buffer`: its size, or -errno. Datagrams of other senders are dropped.
ssize_t ReceiveOne(int fd, uint8_t* buffer) {
  for (;;) {
    sockaddr_nl sender = {};
    iovec vector = {buffer, kBufferSize};
    msghdr message = {};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    const ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (got >= 0) {
      if (message.msg_namelen != sizeof sender || sender.nl_pid != 0) continue;
      if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
      return got;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -errno;
    pollfd waiting = {fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, kAnswerMilliseconds);
    if (ready == 0) return -ETIMEDOUT;
    if (ready < 0 && errno != EINTR) return -errno;
  }
}

// Empties the socket after an error, so that no late answer meets a later request.
void Drain(int fd) {
  uint8_t byte;
  for (int i = 0; i < 100000; i++) {
    if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno != ENOBUFS && errno != EINTR) return;
  }
}

bool HeaderAt(const uint8_t* bytes, size_t size, size_t offset, nlmsghdr* header) {
  if (offset + sizeof *header > size) return false;
  memcpy(header, bytes + offset, sizeof *header);
  return header->nlmsg_len >= sizeof *header && header->nlmsg_len <= size - offset;
}

size_t Next(size_t offset, const nlmsghdr& header) { return offset + NLMSG_ALIGN(header.nlmsg_len); }

void Append(Bytes* to, const uint8_t* bytes, size_t size) {
  to->insert(to->end(), bytes, bytes + size);
  to->resize(NLMSG_ALIGN(to->size()));
}

// Receives up to the ack of `sequence`.
int ReceiveAnswers(int fd, uint32_t sequence, Bytes* answers) {
  uint8_t* buffer = ReceiveBuffer();
  for (;;) {
    const ssize_t got = ReceiveOne(fd, buffer);
    if (got < 0) return static_cast<int>(got);
    Append(answers, buffer, static_cast<size_t>(got));
    nlmsghdr header;
    for (size_t at = 0; HeaderAt(buffer, static_cast<size_t>(got), at, &header); at = Next(at, header)) {
      if (header.nlmsg_seq == sequence && header.nlmsg_type == NLMSG_ERROR) return 0;
    }
  }
}

struct Exchange {
  int error = 0;
  size_t carried = 0;  // bytes of requests that were surely carried out
  Bytes answers;
};

// One send for each run of messages up to one that asks for an ack.
void Transact(int fd, const Bytes& requests, Exchange* exchange) {
  size_t start = 0;
  nlmsghdr header;
  for (size_t at = 0; at < requests.size();) {
    if (!HeaderAt(requests.data(), requests.size(), at, &header)) {
      exchange->error = -EINVAL;
      return;
    }
    at = Next(at, header);
    if (at > requests.size()) at = requests.size();
    if (!(header.nlmsg_flags & NLM_F_ACK) && at < requests.size()) continue;
    exchange->error = SendAll(fd, requests.data() + start, at - start);
    if (exchange->error == 0) exchange->error = ReceiveAnswers(fd, header.nlmsg_seq, &exchange->answers);
    if (exchange->error != 0) {
      Drain(fd);
      return;
    }
    exchange->carried = start = at;
  }
}

// transact(fd, requests) → [errno or 0, bytes carried out, answers]
Napi::Value TransactCall(const Napi::CallbackInfo& info) {
  auto box = UnwrapFd(info[0]);
  auto use = std::make_shared<FdUse>(box);
  auto requests = std::make_shared<Bytes>(BytesArgument(info, 1));
  auto pending = Pending::New(info.Env());
  auto promise = pending->Promise();
  box->Queue()->Post([use, requests, pending]() mutable {
    auto exchange = std::make_shared<Exchange>();
    if (*use)
      Transact(use->Get(), *requests, exchange.get());
    else
      exchange->error = -EBADF;
    use.reset();
    pending->Settle([exchange](Napi::Env env) -> Napi::Value {
      auto list = Napi::Array::New(env, 3);
      list.Set(0u, Napi::Number::New(env, exchange->error));
      list.Set(1u, Napi::Number::New(env, static_cast<double>(exchange->carried)));
      list.Set(2u, NewBytes(env, exchange->answers.data(), exchange->answers.size()));
      return list;
    });
  });
  return promise;
}

// transactions(fd) → exchanges and dumps of this socket that have not ended; for a caller whose own loop keeps the
// event loop from telling it
Napi::Value Transactions(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(UnwrapFd(info[0])->Queue()->Size()));
}

struct Dump {
  int error = 0;
  bool interrupted = false;
  size_t next = 0;
  std::vector<Bytes> chunks;
};

void RunDump(int fd, const Bytes& request, Dump* dump) {
  nlmsghdr asked, header;
  if (!HeaderAt(request.data(), request.size(), 0, &asked)) {
    dump->error = -EINVAL;
    return;
  }
  dump->error = SendAll(fd, request.data(), request.size());
  uint8_t* buffer = ReceiveBuffer();
  while (dump->error == 0) {
    const ssize_t got = ReceiveOne(fd, buffer);
    if (got < 0) {
      dump->error = static_cast<int>(got);
      break;
    }
    const auto size = static_cast<size_t>(got);
    bool done = false, ours = false;
    for (size_t at = 0; HeaderAt(buffer, size, at, &header); at = Next(at, header)) {
      if (header.nlmsg_seq != asked.nlmsg_seq) continue;
      ours = true;
      // The flag may sit on any message, the last included.
      if (header.nlmsg_flags & NLM_F_DUMP_INTR) dump->interrupted = true;
      if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) done = true;
    }
    if (ours) {
      if (dump->chunks.empty() || dump->chunks.back().size() + size > kChunkSize) dump->chunks.emplace_back();
      Append(&dump->chunks.back(), buffer, size);
    }
    if (done) return;
  }
  Drain(fd);
}

// dump(fd, request) → [errno or 0, interrupted, next()], where next() gives one chunk after another, then undefined
Napi::Value DumpCall(const Napi::CallbackInfo& info) {
  auto box = UnwrapFd(info[0]);
  auto use = std::make_shared<FdUse>(box);
  auto request = std::make_shared<Bytes>(BytesArgument(info, 1));
  auto pending = Pending::New(info.Env());
  auto promise = pending->Promise();
  box->Queue()->Post([use, request, pending]() mutable {
    auto dump = std::make_shared<Dump>();
    if (*use)
      RunDump(use->Get(), *request, dump.get());
    else
      dump->error = -EBADF;
    use.reset();
    pending->Settle([dump](Napi::Env env) -> Napi::Value {
      auto list = Napi::Array::New(env, 3);
      list.Set(0u, Napi::Number::New(env, dump->error));
      list.Set(1u, Napi::Boolean::New(env, dump->interrupted));
      list.Set(2u, Napi::Function::New(env, [dump](const Napi::CallbackInfo& next) -> Napi::Value {
                 if (dump->next == dump->chunks.size()) return next.Env().Undefined();
                 Bytes chunk = std::move(dump->chunks[dump->next++]);
                 return NewBytes(next.Env(), chunk.data(), chunk.size());
               }));
      return list;
    });
  });
  return promise;
}

}  // namespace

void InitNetlink(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "transact", TransactCall);
  Export(env, exports, "dump", DumpCall);
  Export(env, exports, "transactions", Transactions);
}

}  // namespace nsnet
