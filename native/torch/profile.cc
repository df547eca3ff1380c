// Every operator that libtorch's dispatcher calls, autograd's own included: time, bytes, floating-point operations.
#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "environment.h"
#include "tensor.h"

namespace tagmask {
namespace {

constexpr size_t kEvents = 300000;  // of the trace: 10 MB here, 40 MB as JSON

struct Total {
  double calls = 0, self = 0, total = 0, bytes = 0, flops = 0;  // times in nanoseconds
};

struct Event {
  double start, duration;  // nanoseconds of the monotonic clock
  uint32_t name, thread;
};

std::mutex lock;  // of all below
at::CallbackHandle callback = 0;
bool running = false;
std::vector<Event> events;
std::vector<std::string> names;  // by number
std::unordered_map<std::string, uint32_t> numbers;
std::vector<Total> totals;       // by number of the name
double left = 0;                 // events beyond kEvents

double now() {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

const at::Tensor* tensorOf(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined() ? &value.toTensor() : nullptr;
}

double bytesOf(const c10::IValue& value) {
  if (const auto* tensor = tensorOf(value)) return static_cast<double>(tensor->numel()) * tensor->element_size();
  double sum = 0;
  if (value.isTensorList())
    for (const at::Tensor& tensor : value.toTensorVector())
      if (tensor.defined()) sum += static_cast<double>(tensor.numel()) * tensor.element_size();
  return sum;
}

// The open calls of a thread, the innermost last.
struct Call : public at::ObserverContext {
  std::string name;
  double start = 0, inner = 0, bytes = 0, flops = 0;
  Call* outer = nullptr;

  // Autocast calls the operator once more, with other operands: its work counts once, its calls and times each.
  bool isRepeated() const { return outer != nullptr && outer->name == name; }
};
thread_local Call* innermost = nullptr;
thread_local uint32_t threadNumber = 0;
uint32_t threadsSeen = 0;

// [.., n, k] x [.., k, m]: 2 n k m for each matrix; operands by their place among the arguments.
double productFlops(const c10::ArrayRef<const c10::IValue>& inputs, size_t a, size_t b) {
  if (inputs.size() <= b) return 0;
  const auto *left = tensorOf(inputs[a]), *right = tensorOf(inputs[b]);
  return left && right && right->dim() > 0 ? 2.0 * left->numel() * right->size(-1) : 0;
}

// `products` of each query and key; queries by their place among the arguments, keys after them.
double attentionFlops(const c10::ArrayRef<const c10::IValue>& inputs, size_t queries, int products) {
  if (inputs.size() <= queries + 1) return 0;
  const auto *q = tensorOf(inputs[queries]), *k = tensorOf(inputs[queries + 1]);
  return q && k && q->dim() == 3 && k->dim() == 3 ? 2.0 * products * q->numel() * k->size(1) : 0;
}

// Only what computes by itself: aten::linear, matmul and conv2d call these.
double flopsOf(const std::string& name, const at::RecordFunction& function) {
  const auto inputs = function.inputs();
  if (name == "aten::mm" || name == "aten::bmm") return productFlops(inputs, 0, 1);
  if (name == "aten::addmm" || name == "aten::baddbmm") return productFlops(inputs, 1, 2);
  if (name == "tagmask::attention") return attentionFlops(inputs, 0, 2);
  if (name == "tagmask::attention_backward") return attentionFlops(inputs, 2, 5);
  if (name == "aten::mv") return inputs.size() > 0 && tensorOf(inputs[0]) ? 2.0 * tensorOf(inputs[0])->numel() : 0;
  // gradient, input, weight, ..., mask of the gradients that are wanted
  if (name == "aten::convolution_backward" && inputs.size() > 10) {
    const auto *gradient = tensorOf(inputs[0]), *weight = tensorOf(inputs[2]);
    if (!gradient || !weight || !inputs[10].isBoolList()) return 0;
    const auto wanted = inputs[10].toBoolList();
    const double each = 2.0 * gradient->numel() * weight->numel() / weight->size(0);
    return each * (static_cast<int>(wanted.get(0)) + static_cast<int>(wanted.get(1)));
  }
  return 0;
}

// What aten::convolution calls.
bool isConvolution(const std::string& name) {
  for (const char* one : {"mkldnn_convolution", "_slow_conv2d_forward", "slow_conv_dilated2d", "_conv_depthwise2d",
                          "cudnn_convolution"})
    if (name == std::string("aten::") + one) return true;
  return false;
}

double convolutionFlops(const at::RecordFunction& function, double weightPerOutput) {
  const auto& outputs = function.outputs();
  const auto* out = outputs.empty() ? nullptr : tensorOf(outputs[0]);
  return out ? 2.0 * out->numel() * weightPerOutput : 0;
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
  auto call = std::make_unique<Call>();
  call->name = function.name();
  call->outer = innermost;
  if (!call->isRepeated()) {
    for (const auto& input : function.inputs()) call->bytes += bytesOf(input);
    call->flops = flopsOf(call->name, function);
    if (isConvolution(call->name) && function.inputs().size() > 1)
      if (const auto* weight = tensorOf(function.inputs()[1]))
        call->flops = -static_cast<double>(weight->numel()) / weight->size(0);  // times the outputs, at the end
  }
  innermost = call.get();
  call->start = now();
  return call;
}

uint32_t numberOf(const std::string& name) {
  const auto [found, isNew] = numbers.try_emplace(name, static_cast<uint32_t>(names.size()));
  if (isNew) {
    names.push_back(name);
    totals.emplace_back();
  }
  return found->second;
}

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  const double ended = now();
  auto* call = static_cast<Call*>(context);
  const double took = ended - call->start;
  innermost = call->outer;
  if (call->outer) call->outer->inner += took;
  if (!call->isRepeated())
    for (const auto& output : function.outputs()) call->bytes += bytesOf(output);
  if (call->flops < 0) call->flops = convolutionFlops(function, -call->flops);
  std::lock_guard<std::mutex> guard(lock);
  if (!running) return;
  if (threadNumber == 0) threadNumber = ++threadsSeen;
  const uint32_t number = numberOf(call->name);
  auto& total = totals[number];
  total.calls++;
  total.self += took - call->inner;
  total.total += took;
  total.bytes += call->bytes;
  total.flops += call->flops;
  if (events.size() < kEvents) events.push_back({call->start, took, number, threadNumber});
  else left++;
}

Napi::Value startProfile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::lock_guard<std::mutex> guard(lock);
    TORCH_CHECK(!running, "a profile is running");
    events.clear();
    names.clear();
    numbers.clear();
    totals.clear();
    left = 0;
    running = true;
    callback = at::addGlobalCallback(at::RecordFunctionCallback(begin, end)
                                         .needsInputs(true)
                                         .needsOutputs(true)
                                         .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    return info.Env().Undefined();
  });
}

Napi::Value stopProfile(const Napi::CallbackInfo& info) {
  // -> {operators: {name, calls, self, total, bytes, flops}[], events: Float64Array of (start, duration, name, thread), left}
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::lock_guard<std::mutex> guard(lock);
    TORCH_CHECK(running, "no profile is running");
    at::removeCallback(callback);
    running = false;
    auto operators = Napi::Array::New(env, names.size());
    for (uint32_t i = 0; i < names.size(); ++i) {
      auto one = Napi::Object::New(env);
      one.Set("name", names[i]);
      for (const auto& [key, value] : std::array<std::pair<const char*, double>, 5>{{{"calls", totals[i].calls},
                                                                                    {"self", totals[i].self},
                                                                                    {"total", totals[i].total},
                                                                                    {"bytes", totals[i].bytes},
                                                                                    {"flops", totals[i].flops}}})
        one.Set(key, Napi::Number::New(env, value));
      operators.Set(i, one);
    }
    auto numbersOfEvents = Napi::Float64Array::New(env, events.size() * 4);
    for (size_t i = 0; i < events.size(); ++i) {
      const auto& event = events[i];
      const double values[] = {event.start, event.duration, static_cast<double>(event.name),
                               static_cast<double>(event.thread)};
      for (size_t j = 0; j < 4; ++j) numbersOfEvents[4 * i + j] = values[j];
    }
    auto out = Napi::Object::New(env);
    out.Set("operators", operators);
    out.Set("events", numbersOfEvents);
    out.Set("left", Napi::Number::New(env, left));
    events = {};
    return out;
  });
}

}  // namespace

void initProfile(Napi::Env env, Napi::Object exports) {
  exports.Set("startProfile", Napi::Function::New(env, startProfile));
  exports.Set("stopProfile", Napi::Function::New(env, stopProfile));
}

}  // namespace tagmask
