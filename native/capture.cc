// Packets as they pass through a network namespace: the ring of an AF_PACKET socket (packet(7), TPACKET_V3), which the
// kernel fills block by block.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "arguments.h"
#include "excursion.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr napi_type_tag kRingTag = {0x6e736e6574207269, 0x8be41f05d27c93a6};

constexpr uint32_t kFrameSize = 2048;
constexpr uint32_t kTagOffset = 2 * ETH_ALEN;
constexpr uint32_t kTagSize = 4;

// What JavaScript reads in front of the bytes of each packet: lib/capture/records.ts.
struct Record {
  uint32_t size;  // of this and the bytes, a multiple of 8
  uint32_t captured;
  uint32_t length;
  uint32_t link;
  uint64_t time;
  uint16_t hardware;
  uint8_t type;
  uint8_t unused[5];
};
static_assert(sizeof(Record) == 32, "as lib/capture/records.ts has it");

// Blocks that the kernel has filled are this program's until they are given back. Of one JavaScript thread.
class Ring {
 public:
  // The socket is not bound yet, so that nothing is in it.
  static Finish Open(int fd, const Bytes& filter, uint32_t block, uint32_t count, uint32_t wait, uint32_t most,
                     const Bytes& promiscuous);
  Ring(uint8_t* memory, uint32_t block, uint32_t count, uint32_t most)
      : memory_(memory), block_(block), count_(count), most_(most) {}
  Ring(const Ring&) = delete;
  ~Ring() { Unmap(); }
  void Unmap() {
    if (memory_ != nullptr) munmap(memory_, size_t{block_} * count_);
    memory_ = nullptr;
  }
  bool Mapped() const { return memory_ != nullptr; }
  // Whole packets of up to so many bytes in all, but one at least, and whether there are more already.
  Napi::Value Read(Napi::Env env, size_t room);
  // Whether the kernel has packets in a block that it has not handed over yet.
  bool Filling() const;

 private:
  struct Place {
    uint32_t block = 0;
    uint32_t packet = 0;  // of the block
    uint32_t offset = 0;  // in the block; 0 where the block is yet to be looked into
  };
  tpacket_hdr_v1* Header(uint32_t block) const {
    return &reinterpret_cast<tpacket_block_desc*>(memory_ + size_t{block_} * block)->hdr.bh1;
  }
  tpacket3_hdr* Next(Place* place, bool release);
  void Release(uint32_t block);
  uint32_t Size(const tpacket3_hdr& packet, bool* tagged) const;
  size_t Copy(const tpacket3_hdr& packet, uint8_t* to) const;

  uint8_t* memory_;
  uint32_t block_;
  uint32_t count_;
  uint32_t most_;
  Place at_;
};

Finish Ring::Open(int fd, const Bytes& filter, uint32_t block, uint32_t count, uint32_t wait, uint32_t most,
                  const Bytes& promiscuous) {
  const auto set = [fd](int level, int name, const void* value, size_t size) {
    return setsockopt(fd, level, name, value, static_cast<socklen_t>(size)) == 0;
  };
  const int version = TPACKET_V3;
  if (!set(SOL_PACKET, PACKET_VERSION, &version, sizeof version)) return Failure(-errno, "setsockopt");
  // The kernel only reads it.
  sock_fprog program = {static_cast<uint16_t>(filter.size() / sizeof(sock_filter)),
                        reinterpret_cast<sock_filter*>(const_cast<uint8_t*>(filter.data()))};
  if (!set(SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)) return Failure(-errno, "SO_ATTACH_FILTER");
  tpacket_req3 request = {};
  request.tp_block_size = block;
  request.tp_block_nr = count;
  request.tp_frame_size = kFrameSize;
  request.tp_frame_nr = block / kFrameSize * count;
  request.tp_retire_blk_tov = wait;
  if (!set(SOL_PACKET, PACKET_RX_RING, &request, sizeof request)) return Failure(-errno, "PACKET_RX_RING");
  void* memory = mmap(nullptr, size_t{block} * count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return Failure(-errno, "mmap");
  auto ring = std::make_shared<std::unique_ptr<Ring>>(
      std::make_unique<Ring>(static_cast<uint8_t*>(memory), block, count, most));
  for (size_t at = 0; at + sizeof(int) <= promiscuous.size(); at += sizeof(int)) {
    packet_mreq membership = {};
    memcpy(&membership.mr_ifindex, promiscuous.data() + at, sizeof(int));
    membership.mr_type = PACKET_MR_PROMISC;
    if (!set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership))
      return Failure(-errno, "PACKET_ADD_MEMBERSHIP");
  }
  // From here on packets are caught.
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Failure(-errno, "bind");
  return [ring](Napi::Env env) -> Napi::Value {
    auto object = Napi::Object::New(env);
    const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Ring*>(data); };
    if (napi_wrap(env, object, ring->get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
    ring->release();
    if (napi_type_tag_object(env, object, &kRingTag) != napi_ok) throw Napi::Error::New(env);
    return object;
  };
}

// The packet there, and the place behind it. With `release`, blocks that are done with are the kernel's again.
tpacket3_hdr* Ring::Next(Place* place, bool release) {
  for (uint32_t looked = 0; looked <= count_; looked++) {
    tpacket_hdr_v1* header = Header(place->block);
    if ((__atomic_load_n(&header->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return nullptr;
    if (place->offset == 0) place->offset = header->offset_to_first_pkt;
    const bool whole = size_t{place->offset} + sizeof(tpacket3_hdr) + sizeof(sockaddr_ll) <= block_;
    if (place->packet < header->num_pkts && whole) {
      auto* packet = reinterpret_cast<tpacket3_hdr*>(memory_ + size_t{block_} * place->block + place->offset);
      place->packet++;
      place->offset += packet->tp_next_offset;
      return packet;
    }
    if (release) Release(place->block);
    *place = {(place->block + 1) % count_, 0, 0};
    // A look ahead must not come round to what it has seen.
    if (!release && place->block == at_.block) return nullptr;
  }
  return nullptr;
}

void Ring::Release(uint32_t block) {
  tpacket_hdr_v1* header = Header(block);
  // Else the count would tell of packets until the kernel next uses the block: see Filling().
  header->num_pkts = 0;
  __atomic_store_n(&header->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

// Captured bytes as they are handed on: with the VLAN tag that the kernel has taken out.
uint32_t Ring::Size(const tpacket3_hdr& packet, bool* tagged) const {
  const auto* from = reinterpret_cast<const sockaddr_ll*>(reinterpret_cast<const uint8_t*>(&packet) +
                                                          TPACKET_ALIGN(sizeof(tpacket3_hdr)));
  *tagged = (packet.tp_status & TP_STATUS_VLAN_VALID) != 0 && from->sll_hatype == ARPHRD_ETHER;
  const bool reached = *tagged && packet.tp_snaplen >= kTagOffset;
  return std::min(packet.tp_snaplen + (reached ? kTagSize : 0), most_);
}

size_t Ring::Copy(const tpacket3_hdr& packet, uint8_t* to) const {
  const auto* begin = reinterpret_cast<const uint8_t*>(&packet);
  const auto* from = reinterpret_cast<const sockaddr_ll*>(begin + TPACKET_ALIGN(sizeof(tpacket3_hdr)));
  bool tagged;
  const uint32_t captured = Size(packet, &tagged);
  Record record = {};
  record.size = static_cast<uint32_t>((sizeof record + captured + 7) & ~size_t{7});
  record.captured = captured;
  record.length = packet.tp_len + (tagged ? kTagSize : 0);
  record.link = static_cast<uint32_t>(from->sll_ifindex);
  record.time = uint64_t{packet.tp_sec} * 1000000000 + packet.tp_nsec;
  record.hardware = from->sll_hatype;
  record.type = from->sll_pkttype;
  memcpy(to, &record, sizeof record);
  uint8_t* bytes = to + sizeof record;
  const uint8_t* data = begin + packet.tp_mac;
  if (!tagged) {
    memcpy(bytes, data, captured);
  } else {
    const uint16_t protocol = (packet.tp_status & TP_STATUS_VLAN_TPID_VALID) ? packet.hv1.tp_vlan_tpid : ETH_P_8021Q;
    const uint16_t words[] = {htons(protocol), htons(static_cast<uint16_t>(packet.hv1.tp_vlan_tci))};
    memcpy(bytes, data, std::min(captured, kTagOffset));
    if (captured > kTagOffset) memcpy(bytes + kTagOffset, words, std::min(captured - kTagOffset, kTagSize));
    if (captured > kTagOffset + kTagSize)
      memcpy(bytes + kTagOffset + kTagSize, data + kTagOffset, captured - kTagOffset - kTagSize);
  }
  memset(bytes + captured, 0, record.size - sizeof record - captured);
  return record.size;
}

Napi::Value Ring::Read(Napi::Env env, size_t room) {
  size_t total = 0;
  uint32_t packets = 0;
  bool more = false;
  for (Place ahead = at_; tpacket3_hdr* packet = Next(&ahead, false);) {
    bool tagged;
    const size_t size = (sizeof(Record) + Size(*packet, &tagged) + 7) & ~size_t{7};
    more = total > 0 && total + size > room;
    if (more) break;
    total += size;
    packets++;
  }
  auto bytes = Napi::Uint8Array::New(env, total);
  size_t done = 0;
  for (uint32_t i = 0; i < packets; i++) {
    const tpacket3_hdr* packet = Next(&at_, true);
    // The kernel changes nothing in a block that is not its own.
    if (packet == nullptr) break;
    done += Copy(*packet, bytes.Data() + done);
  }
  // A block that is read to its end is given back now, and not when there is something to read again.
  if (packets > 0 && at_.packet >= Header(at_.block)->num_pkts) {
    Release(at_.block);
    at_ = {(at_.block + 1) % count_, 0, 0};
  }
  auto result = Napi::Array::New(env, 2);
  result.Set(0u, bytes);
  result.Set(1u, Napi::Boolean::New(env, more));
  return result;
}

bool Ring::Filling() const {
  const tpacket_hdr_v1* header = Header(at_.block);
  return __atomic_load_n(&header->num_pkts, __ATOMIC_RELAXED) > 0;
}

Ring* UnwrapRing(const Napi::Value& value) {
  bool ours = false;
  void* data = nullptr;
  const bool found = value.IsObject() && napi_check_object_type_tag(value.Env(), value, &kRingTag, &ours) == napi_ok &&
                     ours && napi_unwrap(value.Env(), value, &data) == napi_ok;
  if (!found) throw Napi::TypeError::New(value.Env(), "Expected a ring of nsnet's");
  return static_cast<Ring*>(data);
}

// captureOpen(fd, filter, block, count, wait, most, promiscuous) → a ring, off this thread: the kernel waits for its
// readers, and for the lock of all links where one is made promiscuous
Napi::Value Open(const Napi::CallbackInfo& info) {
  auto use = std::make_shared<FdUse>(UseFd(info[0]));
  auto filter = std::make_shared<Bytes>(BytesArgument(info, 1));
  auto promiscuous = std::make_shared<Bytes>(BytesArgument(info, 6));
  const auto number = [&info](size_t index) { return static_cast<uint32_t>(IntArgument(info, index)); };
  const uint32_t block = number(2), count = number(3), wait = number(4), most = number(5);
  return Submit(info.Env(), [=]() mutable -> Finish {
    if (!*use) return Failure(-EBADF, "setsockopt");
    auto finish = Ring::Open(use->Get(), *filter, block, count, wait, most, *promiscuous);
    use.reset();
    return finish;
  });
}

// captureRead(ring, room) → [records, more] or -errno; never waits
Napi::Value Read(const Napi::CallbackInfo& info) {
  Ring* ring = UnwrapRing(info[0]);
  const int64_t room = LongArgument(info, 1);
  if (!ring->Mapped()) return Napi::Number::New(info.Env(), -EBADF);
  return ring->Read(info.Env(), room < 0 ? 0 : static_cast<size_t>(room));
}

Napi::Value Filling(const Napi::CallbackInfo& info) {
  const Ring* ring = UnwrapRing(info[0]);
  return Napi::Boolean::New(info.Env(), ring->Mapped() && ring->Filling());
}

// captureStop(fd): whatever comes from now on is let go.
Napi::Value Stop(const Napi::CallbackInfo& info) {
  const FdUse fd = UseFd(info[0]);
  int domain = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(fd.Get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_PACKET)
    return Napi::Number::New(info.Env(), -EBADF);
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  sock_fprog program = {1, &nothing};
  const int result = setsockopt(fd.Get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  return Napi::Number::New(info.Env(), result < 0 ? -errno : 0);
}

// Again is no error.
Napi::Value Unmap(const Napi::CallbackInfo& info) {
  UnwrapRing(info[0])->Unmap();
  return info.Env().Undefined();
}

}  // namespace

void InitCapture(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "captureOpen", Open);
  Export(env, exports, "captureRead", Read);
  Export(env, exports, "captureFilling", Filling);
  Export(env, exports, "captureStop", Stop);
  Export(env, exports, "captureClose", Unmap);
}

}  // namespace nsnet
