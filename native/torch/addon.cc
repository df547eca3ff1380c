// libtorch for Node: everything is reached through one boxed dispatcher entry (dispatch.cc).
#include "distributed.h"
#include "environment.h"
#include "tensor.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  tagmask::installAllocator();
  tagmask::Environment::begin(env);
  tagmask::initTensor(env, exports);
  tagmask::initDispatch(env, exports);
  tagmask::initAutograd(env, exports);
  tagmask::initProfile(env, exports);
  tagmask::initRuntime(env, exports);
  tagmask::initDistributed(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(tagmask_torch, init)
