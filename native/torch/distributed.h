// Collectives between processes on libtorch's own engine (c10d), where this build has its headers (binding.gyp).
#pragma once
#include <napi.h>

namespace tagmask {

// Exports `distributedBackends` always, and the rest where there is a backend.
void initDistributed(Napi::Env env, Napi::Object exports);

}  // namespace tagmask
