// The process around the operators: threads, seeds and random state, autocast, devices, memory, versions.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <dlfcn.h>
#include <link.h>

#include <mutex>

#include "environment.h"
#include "tensor.h"
#include "torch-version.h"

namespace tagmask {
namespace {

Napi::Value manualSeed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    at::manual_seed(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
    return info.Env().Undefined();
  });
}

at::Generator generator(const std::string& device) {
  return at::globalContext().defaultGenerator(c10::Device(device));
}

Napi::Value randomState(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto gen = generator(info[0].ToString());
    std::lock_guard<std::mutex> lock(gen.mutex());
    return wrap(info.Env(), gen.get_state());
  });
}

Napi::Value setRandomState(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto gen = generator(info[0].ToString());
    std::lock_guard<std::mutex> lock(gen.mutex());
    gen.set_state(unwrap(info[1]));
    return info.Env().Undefined();
  });
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    at::set_num_threads(info[0].As<Napi::Number>().Int32Value());
    return info.Env().Undefined();
  });
}

// The first environment decides for the process; a worker that comes later takes what is set.
Napi::Value startThreads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    static std::once_flag started;
    const int count = info[0].As<Napi::Number>().Int32Value();
    std::call_once(started, [count] { at::set_num_threads(count); });
    at::init_num_threads();
    return info.Env().Undefined();
  });
}

Napi::Value threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), at::get_num_threads()); }

Napi::Value enterAutocast(const Napi::CallbackInfo& info) {
  // (device type: 'cpu' | 'cuda', dtype: int, or undefined for off); pair with leaveAutocast.
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool cuda = info[0].ToString().Utf8Value() == "cuda";
    const bool on = !info[1].IsUndefined();
    const auto dtype = on ? static_cast<at::ScalarType>(info[1].As<Napi::Number>().Int32Value()) : at::kBFloat16;
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
    const auto type = cuda ? at::kCUDA : at::kCPU;
    at::autocast::set_autocast_enabled(type, on);
    if (on) at::autocast::set_autocast_dtype(type, dtype);
#else
    if (cuda) {
      at::autocast::set_enabled(on);
      if (on) at::autocast::set_autocast_gpu_dtype(dtype);
    } else {
      at::autocast::set_cpu_enabled(on);
      if (on) at::autocast::set_autocast_cpu_dtype(dtype);
    }
#endif
    at::autocast::increment_nesting();
    return info.Env().Undefined();
  });
}

Napi::Value leaveAutocast(const Napi::CallbackInfo& info) {
  // (off: bool): the outermost one turns it off.
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    if (info[0].ToBoolean().Value()) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
      at::autocast::set_autocast_enabled(at::kCPU, false);
      at::autocast::set_autocast_enabled(at::kCUDA, false);
#else
      at::autocast::set_enabled(false);
      at::autocast::set_cpu_enabled(false);
#endif
    }
    return info.Env().Undefined();
  });
}

Napi::Value holdCasts(const Napi::CallbackInfo& info) {
  // (on: bool): libtorch frees the weights that it has converted when the outermost autocast ends; one more level keeps them.
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (info[0].ToBoolean().Value()) at::autocast::increment_nesting();
    else if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    return info.Env().Undefined();
  });
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  const auto stats = allocatorStats();
  auto out = Napi::Object::New(info.Env());
  out.Set("live", Napi::Number::New(info.Env(), static_cast<double>(Environment::of(info.Env())->live)));
  out.Set("used", Napi::Number::New(info.Env(), static_cast<double>(stats.used)));
  out.Set("peak", Napi::Number::New(info.Env(), static_cast<double>(stats.peak)));
  out.Set("cached", Napi::Number::New(info.Env(), static_cast<double>(stats.cached)));
  out.Set("limit", Napi::Number::New(info.Env(), static_cast<double>(stats.limit)));
  return out;
}

Napi::Value resetPeak(const Napi::CallbackInfo& info) {
  resetAllocatorPeak();
  return info.Env().Undefined();
}

Napi::Value emptyCache(const Napi::CallbackInfo& info) {
  emptyAllocatorCache();
  return info.Env().Undefined();
}

// Every loaded shared library that can be the BLAS or the thread pool, in load order.
int collectLibrary(struct dl_phdr_info* library, size_t, void* data) {
  const std::string path = library->dlpi_name == nullptr ? "" : library->dlpi_name;
  for (const char* name : {"blas", "mkl", "gomp", "iomp", "dnnl", "libtorch"})
    if (path.find(name) != std::string::npos) {
      static_cast<std::vector<std::string>*>(data)->push_back(path);
      break;
    }
  return 0;
}

Napi::Value describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto out = Napi::Object::New(env);
    out.Set("version", TORCH_VERSION);
    out.Set("config", at::show_config());
    out.Set("parallel", at::get_parallel_info());
    out.Set("mkl", Napi::Boolean::New(env, at::hasMKL()));
    out.Set("mkldnn", Napi::Boolean::New(env, at::hasMKLDNN()));
    out.Set("cudaDevices", Napi::Number::New(env, at::hasCUDA() ? static_cast<double>(at::getNumGPUs()) : 0.0));
    std::vector<std::string> libraries;
    dl_iterate_phdr(collectLibrary, &libraries);
    auto list = Napi::Array::New(env, libraries.size());
    for (uint32_t i = 0; i < libraries.size(); ++i) list.Set(i, libraries[i]);
    out.Set("libraries", list);
    // OpenBLAS tells its build and the kernels it chose.
    using Text = char* (*)();
    if (const auto text = reinterpret_cast<Text>(dlsym(RTLD_DEFAULT, "openblas_get_config"))) out.Set("openblas", text());
    if (const auto text = reinterpret_cast<Text>(dlsym(RTLD_DEFAULT, "openblas_get_corename"))) out.Set("openblasCore", text());
    return out;
  });
}

}  // namespace

void initRuntime(Napi::Env env, Napi::Object exports) {
  exports.Set("manualSeed", Napi::Function::New(env, manualSeed));
  exports.Set("randomState", Napi::Function::New(env, randomState));
  exports.Set("setRandomState", Napi::Function::New(env, setRandomState));
  exports.Set("setThreads", Napi::Function::New(env, setThreads));
  exports.Set("startThreads", Napi::Function::New(env, startThreads));
  exports.Set("threads", Napi::Function::New(env, threads));
  exports.Set("enterAutocast", Napi::Function::New(env, enterAutocast));
  exports.Set("leaveAutocast", Napi::Function::New(env, leaveAutocast));
  exports.Set("holdCasts", Napi::Function::New(env, holdCasts));
  exports.Set("memory", Napi::Function::New(env, memory));
  exports.Set("resetPeak", Napi::Function::New(env, resetPeak));
  exports.Set("emptyCache", Napi::Function::New(env, emptyCache));
  exports.Set("describe", Napi::Function::New(env, describe));
}

}  // namespace tagmask
