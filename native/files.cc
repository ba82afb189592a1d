// Files and mounts, here or inside other namespaces: open, read, write, mount, umount2.
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include <memory>
#include <string>

#include "arguments.h"
#include "excursion.h"
#include "init.h"
#include "jobs.h"

namespace nsnet {

namespace {

constexpr size_t kMaxRead = 64 * 1024;

// open(where, ownMemory, path, flags, mode) → descriptor
Napi::Value Open(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const std::string path = StringArgument(info, 2);
  const int flags = IntArgument(info, 3);
  const int mode = IntArgument(info, 4);
  return Submit(info.Env(), [where, path, flags, mode]() -> Finish {
    Program program(8192);
    const int file = program.Step(SYS_openat, NSNET_KEEP, {AT_FDCWD, program.Text(path), flags | O_CLOEXEC, mode});
    const int error = Excursion::Run(*where, program, false);
    if (error < 0) return Failure(error, program.FailedCall());
    auto fd = std::make_shared<UniqueFd>(program.Take(file));
    return [fd](Napi::Env env) -> Napi::Value { return WrapFd(env, std::move(*fd)); };
  });
}

// readFile(where, ownMemory, path) → its first 64 KiB
Napi::Value ReadFile(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const std::string path = StringArgument(info, 2);
  return Submit(info.Env(), [where, path]() -> Finish {
    Program program(kMaxRead + 8192);
    const int file =
        program.Step(SYS_openat, NSNET_TEMPORARY, {AT_FDCWD, program.Text(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK});
    const Argument room = program.Room(kMaxRead);
    const int got = program.Step(SYS_read, 0, {Program::Result(file), room, kMaxRead});
    const int error = Excursion::Run(*where, program, false);
    if (error < 0) return Failure(error, program.FailedCall());
    const uint8_t* start = program.At(room);
    auto bytes = std::make_shared<Bytes>(start, start + program.ResultOf(got));
    return [bytes](Napi::Env env) -> Napi::Value { return NewBytes(env, bytes->data(), bytes->size()); };
  });
}

// writeFile(where, ownMemory, path, bytes) → bytes written, by one write(2) and without creating the file
Napi::Value WriteFile(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const std::string path = StringArgument(info, 2);
  const Bytes bytes = BytesArgument(info, 3);
  return Submit(info.Env(), [where, path, bytes]() -> Finish {
    Program program(bytes.size() + 8192);
    const int file =
        program.Step(SYS_openat, NSNET_TEMPORARY, {AT_FDCWD, program.Text(path), O_WRONLY | O_CLOEXEC | O_NONBLOCK});
    const int written =
        program.Step(SYS_write, 0, {Program::Result(file), program.Data(bytes.data(), bytes.size()), bytes.size()});
    const int error = Excursion::Run(*where, program, false);
    if (error < 0) return Failure(error, program.FailedCall());
    const auto count = static_cast<double>(program.ResultOf(written));
    return [count](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, count); };
  });
}

Finish Zero(const Where& where, Program* program) {
  const int error = Excursion::Run(where, *program, false);
  if (error < 0) return Failure(error, program->FailedCall());
  return [](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, 0); };
}

// mount(where, ownMemory, source, target, type, flags, data) → 0; null leaves an argument out
Napi::Value Mount(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  std::vector<std::pair<bool, std::string>> texts;
  for (const size_t index : {2, 3, 4, 6}) {
    const bool given = info[index].IsString();
    texts.emplace_back(given, given ? StringArgument(info, index) : std::string());
  }
  const int64_t flags = LongArgument(info, 5);
  return Submit(info.Env(), [where, texts, flags]() -> Finish {
    Program program(32768);
    const auto text = [&](size_t index) {
      return texts[index].first ? program.Text(texts[index].second) : Argument(0);
    };
    const Argument source = text(0), target = text(1), type = text(2), data = text(3);
    program.Step(SYS_mount, 0, {source, target, type, Argument(static_cast<long>(flags)), data});
    return Zero(*where, &program);
  });
}

// umount(where, ownMemory, target, flags) → 0
Napi::Value Unmount(const Napi::CallbackInfo& info) {
  auto where = std::make_shared<Where>(Where::From(info[0], info[1]));
  const std::string target = StringArgument(info, 2);
  const int flags = IntArgument(info, 3);
  return Submit(info.Env(), [where, target, flags]() -> Finish {
    Program program(8192);
    program.Step(SYS_umount2, 0, {program.Text(target), flags});
    return Zero(*where, &program);
  });
}

}  // namespace

void InitFiles(Napi::Env env, Napi::Object exports) {
  Export(env, exports, "open", Open);
  Export(env, exports, "readFile", ReadFile);
  Export(env, exports, "writeFile", WriteFile);
  Export(env, exports, "mount", Mount);
  Export(env, exports, "umount", Unmount);
}

}  // namespace nsnet
