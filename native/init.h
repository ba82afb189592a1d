// What each file adds to the add-on.
#ifndef NSNET_INIT_H_
#define NSNET_INIT_H_

#include <napi.h>

namespace nsnet {

void InitCapture(Napi::Env env, Napi::Object exports);
void InitCensus(Napi::Env env, Napi::Object exports);
void InitCopy(Napi::Env env, Napi::Object exports);
void InitFiles(Napi::Env env, Napi::Object exports);
void InitMounts(Napi::Env env, Napi::Object exports);
void InitNetlink(Napi::Env env, Napi::Object exports);
void InitPoll(Napi::Env env, Napi::Object exports);
void InitProbe(Napi::Env env, Napi::Object exports);
void InitProcess(Napi::Env env, Napi::Object exports);
void InitRemove(Napi::Env env, Napi::Object exports);
void InitSockets(Napi::Env env, Napi::Object exports);
void InitSpawn(Napi::Env env, Napi::Object exports);
void InitSteps(Napi::Env env, Napi::Object exports);

}  // namespace nsnet

#endif  // NSNET_INIT_H_
