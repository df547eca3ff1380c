// Autograd: gradients of leaves, backward (also off the main thread), and functions differentiated in JavaScript.
#include <ATen/ATen.h>
#include <ATen/ThreadLocalState.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>

#include "environment.h"
#include "tensor.h"

namespace tagmask {
namespace {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

// A node whose derivative is a JavaScript function of (gradients of outputs, saved tensors).
struct JsFunction : public Node {
  std::string label;
  std::shared_ptr<Environment> environment;
  std::unique_ptr<Napi::FunctionReference> derivative;
  std::vector<SavedVariable> saved;
  bool released = false;

  ~JsFunction() override {
    if (derivative) environment->letGo(std::move(derivative));
  }

  std::string name() const override { return label; }

  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK(environment->isHere(), label,
                " is differentiated in JavaScript: call backward() on the thread that made it, and on the CPU only");
    TORCH_CHECK(!released, torch::autograd::ERR_BACKWARD_TWICE);
    const Napi::Env env = derivative->Env();
    Napi::HandleScope scope(env);
    variable_list out(num_outputs_of_forward_inputs());
    try {
      auto grads = Napi::Array::New(env, gradients.size());
      for (uint32_t i = 0; i < gradients.size(); ++i) grads.Set(i, wrap(env, std::move(gradients[i])));
      gradients.clear();
      auto kept = Napi::Array::New(env, saved.size());
      for (uint32_t i = 0; i < saved.size(); ++i) kept.Set(i, wrap(env, saved[i].unpack()));
      const auto result = derivative->Call({grads, kept}).As<Napi::Array>();
      TORCH_CHECK(result.Length() == out.size(), label, ": the derivative returned ", result.Length(), " gradients for ",
                  out.size(), " inputs");
      for (uint32_t i = 0; i < out.size(); ++i) {
        const Napi::Value entry = result.Get(i);
        if (!entry.IsUndefined() && !entry.IsNull()) out[i] = unwrap(entry);
      }
      // The handles were made for this call alone: free them now, not when a scope ends.
      for (uint32_t i = 0; i < out.size(); ++i) disposeHandle(result.Get(i));
    } catch (const Napi::Error& error) {
      TORCH_CHECK(false, label, ": ", error.Message());
    }
    return out;
  }

  size_t num_outputs_of_forward_inputs() const { return next_edges().size(); }

  void release_variables() override {
    released = true;
    saved.clear();
  }
};

// Nodes are shared pointers up to some 2.x and intrusive ones after it.
template <typename N>
auto makeNode() {
  if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, N>) return c10::make_intrusive<N>();
  else return std::make_shared<N>();
}

Napi::Value defineFunction(const Napi::CallbackInfo& info) {
  // (label, inputs[], outputs[], saved[], derivative): gives freshly computed `outputs` a gradient.
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& environment = Environment::of(env);
    environment->freeOrphans();
    const auto inputs = tensorsOf(info[1]);
    auto outputs = tensorsOf(info[2]);
    if (!at::GradMode::is_enabled() || !torch::autograd::compute_requires_grad(inputs)) return env.Undefined();
    auto node = makeNode<JsFunction>();
    node->environment = environment;
    node->label = info[0].ToString().Utf8Value();
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
    node->derivative = std::make_unique<Napi::FunctionReference>(Napi::Persistent(info[4].As<Napi::Function>()));
    for (const auto& tensor : tensorsOf(info[3])) node->saved.emplace_back(tensor, false);
    for (auto& output : outputs) torch::autograd::set_history(output, node);
    return env.Undefined();
  });
}

Napi::Value backward(const Napi::CallbackInfo& info) {
  // (outputs[], gradients[] | undefined, keepGraph)
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto outputs = tensorsOf(info[0]);
    const auto gradients = info[1].IsUndefined() ? variable_list(outputs.size()) : tensorsOf(info[1]);
    torch::autograd::backward(outputs, gradients, info[2].ToBoolean().Value(), false);
    return env.Undefined();
  });
}

class Backward : public Napi::AsyncWorker {
 public:
  Backward(Napi::Env env, variable_list outputs, bool keepGraph)
      : Napi::AsyncWorker(env), outputs_(std::move(outputs)), keepGraph_(keepGraph),
        deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() { return deferred_.Promise(); }

 protected:
  void Execute() override {
    at::ThreadLocalStateGuard guard(state_);
    try {
      torch::autograd::backward(outputs_, variable_list(outputs_.size()), keepGraph_, false);
    } catch (const c10::Error& error) {
      SetError(error.what_without_backtrace());
    }
  }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  variable_list outputs_;
  bool keepGraph_;
  Napi::Promise::Deferred deferred_;
  at::ThreadLocalState state_;
};

Napi::Value backwardAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto* worker = new Backward(env, tensorsOf(info[0]), info[1].ToBoolean().Value());
    const auto promise = worker->promise();
    worker->Queue();
    return promise;
  });
}

Napi::Value grad(const Napi::CallbackInfo& info) {
  return wrap(info.Env(), unwrap(info[0]).grad());
}

Napi::Value setGrad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    at::Tensor tensor = unwrap(info[0]);
    tensor.mutable_grad() = info[1].IsUndefined() ? at::Tensor() : unwrap(info[1]);
    return info.Env().Undefined();
  });
}

Napi::Value requiresGrad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unwrap(info[0]).requires_grad());
}

Napi::Value setRequiresGrad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    at::Tensor tensor = unwrap(info[0]);
    tensor.set_requires_grad(info[1].ToBoolean().Value());
    return info.Env().Undefined();
  });
}

Napi::Value gradMode(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), at::GradMode::is_enabled());
}

Napi::Value setGradMode(const Napi::CallbackInfo& info) {
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(info[0].ToBoolean().Value());
  return Napi::Boolean::New(info.Env(), before);
}

}  // namespace

void initAutograd(Napi::Env env, Napi::Object exports) {
  exports.Set("defineFunction", Napi::Function::New(env, defineFunction));
  exports.Set("backward", Napi::Function::New(env, backward));
  exports.Set("backwardAsync", Napi::Function::New(env, backwardAsync));
  exports.Set("grad", Napi::Function::New(env, grad));
  exports.Set("setGrad", Napi::Function::New(env, setGrad));
  exports.Set("requiresGrad", Napi::Function::New(env, requiresGrad));
  exports.Set("setRequiresGrad", Napi::Function::New(env, setRequiresGrad));
  exports.Set("gradMode", Napi::Function::New(env, gradMode));
  exports.Set("setGradMode", Napi::Function::New(env, setGradMode));
}

}  // namespace tagmask
