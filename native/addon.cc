#include <napi.h>

#include "excursion.h"
#include "fd.h"
#include "init.h"
#include "jobs.h"
#include "namespaces.h"

namespace {

// Called once for each environment: the main thread's, and each Worker's.
Napi::Object Init(Napi::Env env, Napi::Object exports) {
  nsnet::Environment::Init(env);
  nsnet::InitFd(env, exports);
  nsnet::InitExcursion(env, exports);
  nsnet::InitNamespaces(env, exports);
  nsnet::InitCensus(env, exports);
  nsnet::InitFiles(env, exports);
  nsnet::InitSteps(env, exports);
  nsnet::InitMounts(env, exports);
  nsnet::InitCopy(env, exports);
  nsnet::InitRemove(env, exports);
  nsnet::InitSockets(env, exports);
  nsnet::InitSpawn(env, exports);
  nsnet::InitNetlink(env, exports);
  nsnet::InitCapture(env, exports);
  nsnet::InitPoll(env, exports);
  nsnet::InitProcess(env, exports);
  nsnet::InitProbe(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nsnet, Init)
