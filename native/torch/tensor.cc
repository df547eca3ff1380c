// Tensors in and out of JavaScript: wrapping, disposal, properties, bytes.
#include "tensor.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "environment.h"

namespace tagmask {
namespace {

int64_t bytesOf(const at::Tensor& tensor) {
  return tensor.has_storage() ? static_cast<int64_t>(tensor.storage().nbytes()) : 0;
}

// V8 counts our bytes as a safety net: unreachable tensors that nobody disposed must make it collect. It starts a
// collection at each report of more, so a training step, which takes and gives back gigabytes, must not be reported:
// only a new high-water mark is, and what a collection itself gave back (measured: 60 % of a core otherwise).
constexpr int64_t kReportStep = 256 << 20;

void reportGrowth(Napi::Env env, int64_t& reported) {
  const int64_t used = allocatorStats().used;
  if (used < reported + reported / 4 + kReportStep) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, used - reported);
  reported = used;
}

void reportCollected(Napi::Env env, int64_t bytes, int64_t& reported) {
  const int64_t less = std::min(bytes, reported);
  reported -= less;
  if (less > 0) Napi::MemoryManagement::AdjustExternalMemory(env, -less);
}

void release(Handle* handle) {
  if (!handle->tensor.defined()) return;
  handle->tensor.reset();
  handle->environment->live--;
}

Napi::Value fromBytes(const Napi::CallbackInfo& info) {
  // (bytes: typed array, dtype: int, shape: number[]) -> handle; copies.
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsTypedArray()) throw Napi::TypeError::New(env, "fromBytes needs a typed array");
    void* data = nullptr;
    size_t length = 0, offset = 0;
    napi_typedarray_type type;
    napi_value buffer;
    if (napi_get_typedarray_info(env, info[0], &type, &length, &data, &buffer, &offset) != napi_ok)
      throw Napi::TypeError::New(env, "fromBytes could not read the typed array");
    const size_t bytes = info[0].As<Napi::TypedArray>().ByteLength();
    std::vector<int64_t> shape;
    const auto list = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); ++i) shape.push_back(list.Get(i).As<Napi::Number>().Int64Value());
    const auto dtype = static_cast<at::ScalarType>(info[1].As<Napi::Number>().Int32Value());
    at::Tensor out = at::empty(shape, at::TensorOptions(dtype));
    TORCH_CHECK(static_cast<size_t>(out.nbytes()) == bytes, "shape ", at::IntArrayRef(shape), " of ", dtype, " needs ",
                out.nbytes(), " bytes, got ", bytes);
    if (bytes > 0) std::memcpy(out.data_ptr(), data, bytes);
    return wrap(env, std::move(out));
  });
}

Napi::Value toBytes(const Napi::CallbackInfo& info) {
  // (handle) -> ArrayBuffer, a C-ordered copy on the host.
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const at::Tensor host = unwrap(info[0]).detach().to(at::kCPU).contiguous();
    auto buffer = Napi::ArrayBuffer::New(env, host.nbytes());
    if (host.nbytes() > 0) std::memcpy(buffer.Data(), host.data_ptr(), host.nbytes());
    return buffer;
  });
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  if (!isHandle(info[0])) throw Napi::TypeError::New(info.Env(), "dispose needs a tensor");
  disposeHandle(info[0]);
  return info.Env().Undefined();
}

Napi::Value isDisposed(const Napi::CallbackInfo& info) {
  if (!isHandle(info[0])) throw Napi::TypeError::New(info.Env(), "not a tensor");
  return Napi::Boolean::New(info.Env(), !info[0].As<Napi::External<Handle>>().Data()->tensor.defined());
}

Napi::Value shape(const Napi::CallbackInfo& info) {
  const auto& tensor = unwrap(info[0]);
  auto out = Napi::Array::New(info.Env(), tensor.dim());
  for (int64_t i = 0; i < tensor.dim(); ++i) out.Set(static_cast<uint32_t>(i), static_cast<double>(tensor.size(i)));
  return out;
}

Napi::Value dtype(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(unwrap(info[0]).scalar_type()));
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), unwrap(info[0]).device().str());
}

Napi::Value item(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const at::Scalar value = unwrap(info[0]).item();
    if (value.isBoolean()) return Napi::Boolean::New(env, value.to<bool>());
    return Napi::Number::New(env, value.to<double>());
  });
}

Napi::Value isContiguous(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unwrap(info[0]).is_contiguous());
}

}  // namespace

Napi::Value wrap(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Undefined();
  auto* environment = Environment::of(env).get();
  auto handle = std::make_unique<Handle>(Handle{kHandleMagic, std::move(tensor), environment});
  reportGrowth(env, environment->reported);
  const auto external = Napi::External<Handle>::New(env, handle.get(), [](Napi::Env finalizeEnv, Handle* dead) {
    if (dead->tensor.defined()) reportCollected(finalizeEnv, bytesOf(dead->tensor), dead->environment->reported);
    release(dead);
    delete dead;
  });
  handle.release();
  environment->live++;
  return external;
}

bool isHandle(const Napi::Value& value) {
  if (!value.IsExternal()) return false;
  const auto* handle = value.As<Napi::External<Handle>>().Data();
  return handle != nullptr && handle->magic == kHandleMagic;
}

std::vector<at::Tensor> tensorsOf(const Napi::Value& value) {
  std::vector<at::Tensor> out;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) out.push_back(unwrap(array.Get(i)));
  return out;
}

void disposeHandle(const Napi::Value& value) {
  if (isHandle(value)) release(value.As<Napi::External<Handle>>().Data());
}

const at::Tensor& unwrap(const Napi::Value& value) {
  if (!isHandle(value)) throw Napi::TypeError::New(value.Env(), "expected a tensor");
  const auto& tensor = value.As<Napi::External<Handle>>().Data()->tensor;
  if (!tensor.defined()) throw Napi::Error::New(value.Env(), "this tensor was disposed");
  return tensor;
}

void throwAsJs(Napi::Env env, const std::exception& error) {
  std::string text = error.what();
  if (const auto* c10Error = dynamic_cast<const c10::Error*>(&error)) text = c10Error->what_without_backtrace();
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) text = "out of memory: " + text;
  throw Napi::Error::New(env, text);
}

void initTensor(Napi::Env env, Napi::Object exports) {
  exports.Set("fromBytes", Napi::Function::New(env, fromBytes));
  exports.Set("toBytes", Napi::Function::New(env, toBytes));
  exports.Set("dispose", Napi::Function::New(env, dispose));
  exports.Set("isDisposed", Napi::Function::New(env, isDisposed));
  exports.Set("shape", Napi::Function::New(env, shape));
  exports.Set("dtype", Napi::Function::New(env, dtype));
  exports.Set("device", Napi::Function::New(env, device));
  exports.Set("item", Napi::Function::New(env, item));
  exports.Set("isContiguous", Napi::Function::New(env, isContiguous));
}

}  // namespace tagmask
