// Each call has a signature here, so that no pointer and no length comes from JavaScript.
#include "builder.h"

#include <errno.h>
#include <sys/file.h>

#include <array>
#include <cstring>
#include <iterator>

namespace nsnet {

namespace {

// i integer · f descriptor: one of ours, an earlier step's result, or a negative number · s string or null ·
// b bytes and their length · B bytes alone · r room and its length · R room alone · n room for so many u64, and how
// many · m the mount's id in what an earlier statx said · v any number of strings, ended by a null
struct Call {
  const char* name;
  long number;
  const char* signature;
  // What it returns is a descriptor; or what it changes must be a clone's: namespaces, root, working directory; or the
  // stub's, whose table of descriptors is not ours; or that of a process that is being started.
  enum { kPlain, kOpens, kMoves, kOwnTable, kStarts } nature;
  long request = 0;  // of an ioctl or flock, behind its descriptor
};

// The numbers of calls newer than 5.0 are the same on every architecture, and older headers do not name them.
constexpr Call kCalls[] = {
    {"alive", NSNET_ALIVE, "", Call::kStarts},
    {"aside", NSNET_ASIDE, "ii", Call::kStarts},
    {"capset", SYS_capset, "BB", Call::kStarts},
    {"chdir", SYS_chdir, "s", Call::kMoves},
    {"chroot", SYS_chroot, "s", Call::kMoves},
    {"close_range", 436, "iii", Call::kStarts},
    {"dup3", SYS_dup3, "fii", Call::kOwnTable},
    {"eventfd2", SYS_eventfd2, "ii", Call::kOpens},
    {"exec", NSNET_EXEC, "vvv", Call::kStarts},
    {"fchdir", SYS_fchdir, "f", Call::kMoves},
    {"fchmodat", SYS_fchmodat, "fsi", Call::kPlain},
    {"fchownat", SYS_fchownat, "fsiii", Call::kPlain},
    {"fcntl", SYS_fcntl, "fii", Call::kStarts},
    {"flock", SYS_flock, "f", Call::kPlain, LOCK_EX | LOCK_NB},
    {"funlock", SYS_flock, "f", Call::kPlain, LOCK_UN},
    {"forget", NSNET_FORGET, "i", Call::kOwnTable},
    {"fork", NSNET_FORK, "fi", Call::kStarts},
    {"fsconfig", 431, "fissi", Call::kPlain},
    {"fsconfig_fd", 431, "fissf", Call::kPlain},
    {"fsmount", 432, "fii", Call::kOpens},
    {"fsopen", 430, "si", Call::kOpens},
    {"fspick", 433, "fsi", Call::kOpens},
    {"init", NSNET_INIT, "", Call::kStarts},
    {"inside", NSNET_INSIDE, "", Call::kStarts},
    {"loop_configure", SYS_ioctl, "fB", Call::kPlain, 0x4C0A},
    {"loop_ctl_get_free", SYS_ioctl, "f", Call::kPlain, 0x4C82},
    {"is_device", NSNET_DEVICE, "fii", Call::kStarts},
    {"lgetxattr", SYS_lgetxattr, "ssr", Call::kPlain},
    {"lsetxattr", SYS_lsetxattr, "ssbi", Call::kPlain},
    {"getdents64", SYS_getdents64, "fr", Call::kPlain},
    {"listmount", 458, "Bni", Call::kPlain},
    {"mkdirat", SYS_mkdirat, "fsi", Call::kPlain},
    {"mknodat", SYS_mknodat, "fsii", Call::kPlain},
    {"mount", SYS_mount, "sssis", Call::kPlain},
    {"mount_setattr", 442, "fsib", Call::kPlain},
    {"move_mount", 429, "fsfsi", Call::kPlain},
    {"open_tree", 428, "fsi", Call::kOpens},
    {"openat", SYS_openat, "fsii", Call::kOpens},
    {"openat2", 437, "fsb", Call::kOpens},
    {"pivot_root", SYS_pivot_root, "ss", Call::kMoves},
    {"prctl", SYS_prctl, "iiiii", Call::kStarts},
    {"read", SYS_read, "fr", Call::kPlain},
    {"readlinkat", SYS_readlinkat, "fsr", Call::kPlain},
    {"ready", NSNET_READY, "", Call::kStarts},
    {"renameat2", SYS_renameat2, "fsfsi", Call::kPlain},
    {"same_mount", NSNET_SAME, "mm", Call::kPlain},
    {"seccomp", NSNET_FILTER, "bii", Call::kStarts},
    {"setdomainname", SYS_setdomainname, "b", Call::kStarts},
    {"setgroups", SYS_setgroups, "iB", Call::kStarts},
    {"sethostname", SYS_sethostname, "b", Call::kStarts},
    {"setns", SYS_setns, "fi", Call::kStarts},
    {"setpriority", SYS_setpriority, "iii", Call::kStarts},
    {"setresgid", SYS_setresgid, "iii", Call::kStarts},
    {"setresuid", SYS_setresuid, "iii", Call::kStarts},
    {"setrlimit", SYS_prlimit64, "iiB", Call::kStarts},
    {"setsid", SYS_setsid, "", Call::kStarts},
    {"signals", NSNET_SIGNALS, "", Call::kStarts},
    {"statmount", 457, "Bri", Call::kPlain},
    {"statx", SYS_statx, "fsiiR", Call::kPlain},
    {"symlinkat", SYS_symlinkat, "sfs", Call::kPlain},
    {"sync", NSNET_SYNC, "", Call::kStarts},
    {"tiocsctty", NSNET_TERMINAL, "", Call::kStarts},
    {"umask", SYS_umask, "i", Call::kStarts},
    {"umount2", SYS_umount2, "si", Call::kPlain},
    {"unlinkat", SYS_unlinkat, "fsi", Call::kPlain},
    {"unshare", SYS_unshare, "i", Call::kMoves},
    {"write", SYS_write, "fb", Call::kPlain},
};

constexpr size_t kSlack = 4096;  // behind what is given without its length: the kernel may read or write more

// A word of JavaScript's: a value and, in its lowest three bits, what it is. TypeScript has the same (steps.ts).
enum Tag { kNumber, kNull, kText, kBytes, kDescriptor, kResult };
constexpr int kTagBits = 3;
constexpr int kFlagBits = 5;                   // of the first word of a step; the number of its call is above
constexpr int64_t kMountIdAt = 144;            // of struct statx
constexpr double kMaxWord = 9007199254740992;  // 2^53

// Makes the program of what JavaScript gave, which is not trusted: it may not reach outside of the program's memory.
class Builder {
 public:
  Builder(Napi::Env env, Request* request) : env_(env), request_(*request) {}

  void Build() {
    const size_t steps = Measure();
    request_.outcome = std::make_shared<Outcome>(size_ + request_.texts.size() + kSlack, steps);
    text_ = program().Data(request_.texts.c_str(), request_.texts.size() + 1).value;
    next_ = 0;
    for (size_t i = 0; i < steps; i++) AddStep(static_cast<int>(i));
  }

 private:
  Program& program() { return request_.outcome->program; }

  void Expect(bool holds, const char* what) const {
    if (!holds) throw Napi::TypeError::New(env_, what);
  }

  int64_t Word() {
    Expect(next_ < request_.words.size(), "Expected more words");
    return request_.words[next_++];
  }

  const Call& CallOf(int64_t word) const {
    const int64_t index = word >> kFlagBits;
    Expect(index >= 0 && index < static_cast<int64_t>(std::size(kCalls)), "Expected the number of a call");
    const Call& call = kCalls[index];
    Expect(call.nature != Call::kMoves || request_.move, "Expected a program that moves");
    Expect(call.nature != Call::kStarts || request_.starts, "Expected a program that starts a process");
    Expect(call.nature != Call::kOwnTable || request_.where.own_memory, "Expected a program of the stub's");
    return call;
  }

  static size_t RoomFor(char kind, int64_t count) { return static_cast<size_t>(count) * (kind == 'n' ? 8 : 1); }

  // How many steps there are, and how much room their bytes take.
  size_t Measure() {
    size_t steps = 0;
    while (next_ < request_.words.size()) {
      const Call& call = CallOf(Word());
      Expect(++steps <= NSNET_MAX_STEPS - 16, "Expected fewer steps");
      for (const char* kind = call.signature; *kind != 0; kind++) {
        const int64_t word = Word();
        const int64_t value = word >> kTagBits;
        if (*kind == 'b' || *kind == 'B' || *kind == 'r' || *kind == 'R' || *kind == 'n') {
          Expect(value >= 0 && value <= NSNET_DATA_SIZE, "Expected a size");
          size_ += RoomFor(*kind, value) + kSlack;
        } else if (*kind == 'v') {
          Expect(value >= 0 && value <= static_cast<int64_t>(request_.words.size() - next_), "Expected more words");
          next_ += static_cast<size_t>(value);
          size_ += static_cast<size_t>(value + 2) * sizeof(int64_t);
        }
      }
    }
    return steps;
  }

  void AddStep(int number) {
    const int64_t head = Word();
    const Call& call = CallOf(head);
    auto flags = static_cast<uint8_t>(head & (NSNET_OPTIONAL | NSNET_AFTER_FAILURE));
    if (call.nature == Call::kOpens) flags |= (head & NSNET_KEEP) ? NSNET_KEEP : NSNET_TEMPORARY;
    count_ = 0;
    all_.fill(0);
    for (const char* kind = call.signature; *kind != 0; kind++) {
      if (count_ == 1 && call.request != 0) Put(Argument(call.request));
      AddArgument(*kind, number);
    }
    if (count_ == 1 && call.request != 0) Put(Argument(call.request));
    program().Step(call.number, flags, {all_[0], all_[1], all_[2], all_[3], all_[4], all_[5]});
    if (flags & NSNET_KEEP) request_.outcome->kept.push_back(number);
  }

  void AddArgument(char kind, int step) {
    const int64_t word = Word();
    const int64_t value = word >> kTagBits;
    const auto tag = static_cast<Tag>(word & ((1 << kTagBits) - 1));
    switch (kind) {
      case 'i':
        Expect(tag == kNumber, "Expected a number");
        Put(Argument(static_cast<long>(value)));
        break;
      case 'f': AddDescriptor(tag, value, step); break;
      case 's':
        Expect(tag == kText || tag == kNull, "Expected a string");
        Put(tag == kNull ? Argument(0) : Text());
        break;
      case 'v': AddVector(value); break;
      case 'b':
      case 'B':
        Expect(tag == kBytes, "Expected bytes");
        AddBytes(kind, static_cast<size_t>(value));
        break;
      case 'm': {
        const bool earlier = tag == kResult && value >= 0 && value < step;
        const int64_t at = earlier ? request_.outcome->room_of[value] : 0;
        Expect(at != 0, "Expected an earlier statx");
        Put(Argument(NSNET_DATA, at + kMountIdAt));
        break;
      }
      default: {
        Expect(tag == kNumber, "Expected a size");
        const size_t size = RoomFor(kind, value);
        const Argument room = program().Room(size + kSlack - 16);
        request_.outcome->rooms.push_back({step, room, size});
        if (kind == 'R') request_.outcome->room_of[step] = room.value;
        Put(room);
        if (kind != 'R') Put(Argument(static_cast<long>(value)));
      }
    }
  }

  void AddDescriptor(Tag tag, int64_t value, int step) {
    if (tag == kResult) {
      Expect(value >= 0 && value < step, "Expected an earlier step");
      Put(Program::Result(static_cast<int>(value)));
    } else if (tag == kDescriptor) {
      const auto& carried = request_.where.carried;
      Expect(value >= 0 && value < static_cast<int64_t>(carried.size()), "Expected a descriptor of nsnet's");
      Put(Argument(static_cast<long>(carried[value].Get())));
    } else {
      Expect(tag == kNumber && value < 0, "Expected a descriptor of nsnet's");
      Put(Argument(static_cast<long>(value)));
    }
  }

  void AddVector(int64_t count) {
    std::vector<int64_t> offsets;
    for (int64_t i = 0; i < count; i++) {
      Expect((Word() & ((1 << kTagBits) - 1)) == kText, "Expected a string");
      offsets.push_back(Text().value);
    }
    offsets.push_back(-1);
    Put(program().Data(offsets.data(), offsets.size() * sizeof(int64_t)));
  }

  void AddBytes(char kind, size_t size) {
    Expect(size <= request_.bytes.size() - byte_, "Expected more bytes");
    const Argument room = program().Room(size + kSlack - 16);
    program().Put(room, request_.bytes.data() + byte_, size);
    byte_ += size;
    Put(room);
    if (kind == 'b') Put(Argument(static_cast<long>(size)));
  }

  Argument Text() {
    Expect(character_ <= request_.texts.size(), "Expected more strings");
    const Argument text(NSNET_DATA, text_ + static_cast<int64_t>(character_));
    character_ += strlen(request_.texts.c_str() + character_) + 1;
    return text;
  }

  void Put(const Argument& argument) {
    if (count_ < all_.size()) all_[count_++] = argument;
  }

  Napi::Env env_;
  Request& request_;
  size_t size_ = 0;
  size_t next_ = 0;       // of the words
  size_t byte_ = 0;       // of the bytes
  size_t character_ = 0;  // of the texts
  int64_t text_ = 0;      // where in the data those are
  std::array<Argument, 6> all_ = {0, 0, 0, 0, 0, 0};
  size_t count_ = 0;
};

std::vector<int64_t> WordsOf(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    throw Napi::TypeError::New(value.Env(), "Expected a Float64Array");
  const auto array = value.As<Napi::Float64Array>();
  std::vector<int64_t> words(array.ElementLength());
  for (size_t i = 0; i < words.size(); i++) {
    const double word = array.Data()[i];
    if (!(word > -kMaxWord && word < kMaxWord)) throw Napi::TypeError::New(value.Env(), "Expected numbers");
    words[i] = static_cast<int64_t>(word);
  }
  return words;
}

}  // namespace

std::vector<const char*> CallNames() {
  std::vector<const char*> names;
  for (const Call& call : kCalls) names.push_back(call.name);
  return names;
}

void Request::Read(const Napi::CallbackInfo& info, size_t from) {
  words = WordsOf(info[from]);
  texts = StringArgument(info, from + 1);
  bytes = BytesOf(info[from + 2]);
  if (!info[from + 3].IsArray()) throw Napi::TypeError::New(info.Env(), "Expected an array of descriptors");
  const auto list = info[from + 3].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    where.carried.push_back(UseFd(list.Get(i)));
    if (!where.carried.back()) where.closed = true;
  }
  Builder(info.Env(), this).Build();
}

}  // namespace nsnet
