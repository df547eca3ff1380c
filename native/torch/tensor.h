// What crosses the border: a tensor in JavaScript is an External that points at a Handle.
#pragma once
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <string>
#include <vector>

namespace tagmask {

class Environment;

constexpr uint64_t kHandleMagic = 0x7a65736e6f72746aULL;

struct Handle {
  uint64_t magic = kHandleMagic;
  at::Tensor tensor;
  Environment* environment;  // whose JavaScript holds it
};

// A new JavaScript handle that shares `tensor`.
Napi::Value wrap(Napi::Env env, at::Tensor tensor);

// The tensor behind a JavaScript handle; throws a JavaScript error for anything else or a disposed one.
const at::Tensor& unwrap(const Napi::Value& value);
std::vector<at::Tensor> tensorsOf(const Napi::Value& value);  // of an array of handles
bool isHandle(const Napi::Value& value);
void disposeHandle(const Napi::Value& value);  // anything but a handle is left alone

// Runs `body`, turning every C++ exception into a JavaScript Error whose text is libtorch's first line.
template <typename F>
Napi::Value guarded(Napi::Env env, F&& body);
[[noreturn]] void throwAsJs(Napi::Env env, const std::exception& error);

void initTensor(Napi::Env env, Napi::Object exports);
void initDispatch(Napi::Env env, Napi::Object exports);
void initAutograd(Napi::Env env, Napi::Object exports);
void initProfile(Napi::Env env, Napi::Object exports);
void initRuntime(Napi::Env env, Napi::Object exports);

// The caching CPU allocator (allocator.cc).
void installAllocator();
struct AllocatorStats {
  int64_t used, peak, cached, limit;
};
AllocatorStats allocatorStats();
void resetAllocatorPeak();
void emptyAllocatorCache();

template <typename F>
Napi::Value guarded(Napi::Env env, F&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throwAsJs(env, error);
  }
}

}  // namespace tagmask
