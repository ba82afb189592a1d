// The netlink transport: moves bytes. What the messages mean is TypeScript's business; here only their lengths,
// sequence numbers and the three kinds of end (an ack, DONE, silence) are looked at.
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <deque>
#include <memory>
#include <mutex>

#include "arguments.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr size_t kBufferSize = 1024 * 1024;  // mapped only as far as it is used
constexpr size_t kChunkSize = 64 * 1024;     // a millisecond's decoding
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

// One datagram of the kernel's into `buffer`: its size, or -errno; -EAGAIN where there is none and it shall not wait.
// Datagrams of other senders are dropped.
ssize_t ReceiveOne(int fd, uint8_t* buffer, bool wait = true) {
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
    if (errno != EAGAIN || !wait) return -errno;
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

// Gives [errno or 0, bytes carried out, answers].
void Settle(Pending* pending, const std::shared_ptr<Exchange>& exchange) {
  pending->Settle([exchange](Napi::Env env) -> Napi::Value {
    auto list = Napi::Array::New(env, 3);
    list.Set(0u, Napi::Number::New(env, exchange->error));
    list.Set(1u, Napi::Number::New(env, static_cast<double>(exchange->carried)));
    list.Set(2u, NewBytes(env, exchange->answers.data(), exchange->answers.size()));
    return list;
  });
}

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

// transact(fd, requests, resume) → [errno or 0, bytes carried out, answers]. What was handed over behind a failure is
// not carried out, -ECANCELED, until `resume` says that the failure is known: else it would go before what is sent
// again.
Napi::Value TransactCall(const Napi::CallbackInfo& info) {
  auto box = UnwrapFd(info[0]);
  auto use = std::make_shared<FdUse>(box);
  auto requests = std::make_shared<Bytes>(BytesArgument(info, 1));
  const bool resume = BoolArgument(info, 2);
  auto pending = Pending::New(info.Env());
  auto promise = pending->Promise();
  box->Queue()->Post([use, box, requests, resume, pending]() mutable {
    auto exchange = std::make_shared<Exchange>();
    if (resume) box->halted = false;
    if (box->halted)
      exchange->error = -ECANCELED;
    else if (*use)
      Transact(use->Get(), *requests, exchange.get());
    else
      exchange->error = -EBADF;
    if (exchange->error != 0) box->halted = true;
    use.reset();
    box.reset();
    Settle(pending.get(), exchange);
  });
  return promise;
}

// Sends all of it at once, and takes what is there then: a family that carries out a batch inside the send has answered
// when it returns. -ENOBUFS beside answers: some of them were lost.
void TransactWhole(int fd, const Bytes& batch, Exchange* exchange) {
  Drain(fd);
  exchange->error = SendAll(fd, batch.data(), batch.size());
  if (exchange->error != 0) return;
  exchange->carried = batch.size();
  uint8_t* buffer = ReceiveBuffer();
  for (;;) {
    const ssize_t got = ReceiveOne(fd, buffer, false);
    if (got == -EAGAIN) return;
    if (got >= 0)
      Append(&exchange->answers, buffer, static_cast<size_t>(got));
    else if (exchange->error == 0)
      exchange->error = static_cast<int>(got);
    if (got < 0 && got != -ENOBUFS) return;
  }
}

// transactWhole(fd, batch) → [errno or 0, bytes sent, answers], in the order of transact() and dump(); -ECANCELED
// behind their failures
Napi::Value TransactWholeCall(const Napi::CallbackInfo& info) {
  auto box = UnwrapFd(info[0]);
  auto use = std::make_shared<FdUse>(box);
  auto batch = std::make_shared<Bytes>(BytesArgument(info, 1));
  const bool resume = BoolArgument(info, 2);
  auto pending = Pending::New(info.Env());
  auto promise = pending->Promise();
  box->Queue()->Post([use, box, batch, resume, pending]() mutable {
    auto exchange = std::make_shared<Exchange>();
    if (resume) box->halted = false;
    if (box->halted)
      exchange->error = -ECANCELED;
    else if (*use)
      TransactWhole(use->Get(), *batch, exchange.get());
    else
      exchange->error = -EBADF;
    use.reset();
    box.reset();
    Settle(pending.get(), exchange);
  });
  return promise;
}

// transactions(fd) → exchanges and dumps of this socket that have not ended; for a caller whose own loop keeps the
// event loop from telling it
Napi::Value Transactions(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(UnwrapFd(info[0])->Queue()->Size()));
}

// One dump on its way: the thread that reads it is ahead of the JavaScript that decodes it.
class Dump : public std::enable_shared_from_this<Dump> {
 public:
  void Push(Bytes chunk) {
    std::unique_lock<std::mutex> lock(mutex_);
    chunks_.push_back(std::move(chunk));
    Tell(&lock);
  }

  void End(int error, bool interrupted) {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_ = true;
    error_ = error;
    interrupted_ = interrupted;
    Tell(&lock);
  }

  // A chunk, or how it ended, or a promise of either.
  Napi::Value Next(Napi::Env env) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!chunks_.empty() || ended_) return Take(env);
    if (waiting_) throw Napi::Error::New(env, "A chunk is waited for already");
    waiting_ = Pending::New(env);
    return waiting_->Promise();
  }

 private:
  Napi::Value Take(Napi::Env env) {
    if (!chunks_.empty()) {
      const Bytes chunk = std::move(chunks_.front());
      chunks_.pop_front();
      return NewBytes(env, chunk.data(), chunk.size());
    }
    auto end = Napi::Array::New(env, 2);
    end.Set(0u, Napi::Number::New(env, error_));
    end.Set(1u, Napi::Boolean::New(env, interrupted_));
    return end;
  }

  // Lets the lock go: whoever is woken takes it.
  void Tell(std::unique_lock<std::mutex>* lock) {
    auto waiting = std::move(waiting_);
    waiting_ = nullptr;
    lock->unlock();
    if (!waiting) return;
    waiting->Settle([self = shared_from_this()](Napi::Env env) -> Napi::Value {
      std::lock_guard<std::mutex> lock(self->mutex_);
      return self->Take(env);
    });
  }

  std::mutex mutex_;
  std::deque<Bytes> chunks_;
  std::shared_ptr<Pending> waiting_;
  bool ended_ = false;
  int error_ = 0;
  bool interrupted_ = false;
};

void RunDump(int fd, const Bytes& request, Dump* dump) {
  nlmsghdr asked, header;
  if (!HeaderAt(request.data(), request.size(), 0, &asked)) return dump->End(-EINVAL, false);
  bool interrupted = false;
  uint8_t* buffer = ReceiveBuffer();
  Bytes chunk;
  for (int error = SendAll(fd, request.data(), request.size());;) {
    ssize_t got = error;
    if (error == 0) got = ReceiveOne(fd, buffer);
    if (got < 0) {
      Drain(fd);
      return dump->End(static_cast<int>(got), interrupted);
    }
    const auto size = static_cast<size_t>(got);
    bool done = false, ours = false;
    for (size_t at = 0; HeaderAt(buffer, size, at, &header); at = Next(at, header)) {
      if (header.nlmsg_seq != asked.nlmsg_seq) continue;
      ours = true;
      // The flag may sit on any message, the last included.
      if (header.nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) done = true;
    }
    if (!ours) continue;
    Append(&chunk, buffer, size);
    if (done || chunk.size() >= kChunkSize) {
      dump->Push(std::move(chunk));
      chunk = Bytes();
    }
    if (done) return dump->End(0, interrupted);
  }
}

// dump(fd, request, resume) → next(), which gives one chunk after another, then [errno or 0, interrupted]; a promise of
// them where the kernel is not that far
Napi::Value DumpCall(const Napi::CallbackInfo& info) {
  auto box = UnwrapFd(info[0]);
  auto use = std::make_shared<FdUse>(box);
  auto request = std::make_shared<Bytes>(BytesArgument(info, 1));
  const bool resume = BoolArgument(info, 2);
  auto dump = std::make_shared<Dump>();
  box->Queue()->Post([use, box, request, resume, dump]() mutable {
    if (resume) box->halted = false;
    if (box->halted)
      dump->End(-ECANCELED, false);
    else if (*use)
      RunDump(use->Get(), *request, dump.get());
    else
      dump->End(-EBADF, false);
    use.reset();
    box.reset();
  });
  return Napi::Function::New(info.Env(),
                             [dump](const Napi::CallbackInfo& next) -> Napi::Value { return dump->Next(next.Env()); });
}

}  // namespace

void InitNetlink(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "transact", TransactCall);
  Export(env, exports, "transactWhole", TransactWholeCall);
  Export(env, exports, "dump", DumpCall);
  Export(env, exports, "transactions", Transactions);
}

}  // namespace nsnet
