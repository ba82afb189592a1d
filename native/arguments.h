// Reading arguments. TypeScript checks them; these only make sure that no call can crash the process.
#ifndef NSNET_ARGUMENTS_H_
#define NSNET_ARGUMENTS_H_

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nsnet {

using Bytes = std::vector<uint8_t>;

inline int64_t LongArgument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "Expected a number");
  return info[index].As<Napi::Number>().Int64Value();
}

inline int IntArgument(const Napi::CallbackInfo& info, size_t index) {
  const int64_t value = LongArgument(info, index);
  if (value < INT32_MIN || value > UINT32_MAX) throw Napi::TypeError::New(info.Env(), "Expected a 32-bit number");
  return static_cast<int>(value);
}

inline bool BoolArgument(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsBoolean() && info[index].As<Napi::Boolean>().Value();
}

inline std::string StringArgument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), "Expected a string");
  return info[index].As<Napi::String>().Utf8Value();
}

inline Bytes BytesOf(const Napi::Value& value) {
  if (value.IsUndefined() || value.IsNull()) return {};
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(value.Env(), "Expected a Uint8Array");
  const auto array = value.As<Napi::Uint8Array>();
  if (array.ByteLength() == 0) return {};
  return Bytes(array.Data(), array.Data() + array.ByteLength());
}

inline Bytes BytesArgument(const Napi::CallbackInfo& info, size_t index) { return BytesOf(info[index]); }

// Memory of JavaScript's, valid until this call returns.
struct Memory {
  uint8_t* data;
  size_t size;
};

inline Memory MemoryArgument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsTypedArray() || info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(info.Env(), "Expected a Uint8Array");
  auto array = info[index].As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

// Copied: Electron forbids memory that V8 did not allocate.
inline Napi::Value NewBytes(Napi::Env env, const void* data, size_t size) {
  auto array = Napi::Uint8Array::New(env, size);
  if (size > 0) memcpy(array.Data(), data, size);
  return array;
}

inline void Export(Napi::Env env, Napi::Object exports, const char* name,
                   Napi::Value (*function)(const Napi::CallbackInfo&)) {
  exports.Set(name, Napi::Function::New(env, function, name));
}

}  // namespace nsnet

#endif  // NSNET_ARGUMENTS_H_
