// The one boxed entry: any operator of libtorch by name, arguments converted by its schema.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ThreadLocalState.h>

#include <cmath>
#include <vector>

#include "environment.h"
#include "tensor.h"

namespace tagmask {
namespace {

std::string expected(const c10::Argument& argument, const std::string& got) {
  return "argument '" + argument.name() + "' should be " + argument.type()->str() + ", got " + got;
}

std::string kindOf(const Napi::Value& value) {
  if (value.IsNull()) return "null";
  if (value.IsUndefined()) return "undefined";
  if (value.IsArray()) return "an array";
  if (value.IsNumber()) return "the number " + value.ToString().Utf8Value();
  if (value.IsBoolean()) return "a boolean";
  if (value.IsBigInt()) return "the BigInt " + value.ToString().Utf8Value();
  if (value.IsString()) return "the string '" + value.ToString().Utf8Value() + "'";
  if (isHandle(value)) return "a tensor";
  return "an object";
}

int64_t toInt(const Napi::Value& value, const c10::Argument& argument) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (lossless) return number;
    throw Napi::TypeError::New(value.Env(), expected(argument, kindOf(value)) + ", which does not fit 64 bits");
  }
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), expected(argument, kindOf(value)));
  const double number = value.As<Napi::Number>().DoubleValue();
  if (number != std::floor(number) || std::abs(number) > 9007199254740992.0)
    throw Napi::TypeError::New(value.Env(), expected(argument, kindOf(value)));
  return static_cast<int64_t>(number);
}

double toDouble(const Napi::Value& value, const c10::Argument& argument) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), expected(argument, kindOf(value)));
  return value.As<Napi::Number>().DoubleValue();
}

bool isTensors(const c10::TypePtr& type) {
  if (type->kind() == c10::TypeKind::OptionalType) return isTensors(type->castRaw<c10::OptionalType>()->getElementType());
  if (type->kind() == c10::TypeKind::ListType) return isTensors(type->castRaw<c10::ListType>()->getElementType());
  return type->kind() == c10::TypeKind::TensorType;
}

// An operator without a tensor among its arguments takes the type of what it makes from its numbers: full, arange.
bool makesTensors(const c10::FunctionSchema& schema) {
  for (const auto& argument : schema.arguments())
    if (isTensors(argument.type())) return false;
  return true;
}

at::Scalar toScalar(const Napi::Value& value, const c10::Argument& argument) {
  if (value.IsBoolean()) return at::Scalar(value.As<Napi::Boolean>().Value());
  if (value.IsBigInt()) return at::Scalar(toInt(value, argument));
  const double number = toDouble(value, argument);
  // An integral number stays an integer, so that integer tensors keep their type as in Python.
  if (number == std::floor(number) && std::abs(number) < 9007199254740992.0 && !(number == 0 && std::signbit(number)))
    return at::Scalar(static_cast<int64_t>(number));
  return at::Scalar(number);
}

c10::IValue convert(const Napi::Value& value, const c10::TypePtr& type, const c10::Argument& argument) {
  const Napi::Env env = value.Env();
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) return c10::IValue();
      return convert(value, type->castRaw<c10::OptionalType>()->getElementType(), argument);
    case c10::TypeKind::TensorType:
      if (value.IsNull() || value.IsUndefined() || !isHandle(value))
        throw Napi::TypeError::New(env, expected(argument, kindOf(value)));
      return unwrap(value);
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return toInt(value, argument);
    case c10::TypeKind::FloatType:
      return toDouble(value, argument);
    case c10::TypeKind::BoolType:
      if (!value.IsBoolean()) throw Napi::TypeError::New(env, expected(argument, kindOf(value)));
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::NumberType:
      return c10::IValue(toScalar(value, argument));
    case c10::TypeKind::StringType:
      if (!value.IsString()) throw Napi::TypeError::New(env, expected(argument, kindOf(value)));
      return value.As<Napi::String>().Utf8Value();
    case c10::TypeKind::DeviceObjType:
      if (!value.IsString()) throw Napi::TypeError::New(env, expected(argument, kindOf(value)));
      return c10::Device(value.As<Napi::String>().Utf8Value());
    case c10::TypeKind::ListType: {
      const auto element = type->castRaw<c10::ListType>()->getElementType();
      if (!value.IsArray()) {
        // int[2] takes a single number for all its places, as in Python.
        const bool ints = element->kind() == c10::TypeKind::IntType || element->kind() == c10::TypeKind::SymIntType;
        if (ints && argument.N() && (value.IsNumber() || value.IsBigInt()))
          return std::vector<int64_t>(*argument.N(), toInt(value, argument));
        throw Napi::TypeError::New(env, expected(argument, kindOf(value)));
      }
      const auto array = value.As<Napi::Array>();
      const uint32_t length = array.Length();
      switch (element->kind()) {
        case c10::TypeKind::TensorType: {
          std::vector<at::Tensor> out;
          out.reserve(length);
          for (uint32_t i = 0; i < length; ++i) out.push_back(unwrap(array.Get(i)));
          return out;
        }
        case c10::TypeKind::OptionalType: {
          c10::List<c10::optional<at::Tensor>> out;
          out.reserve(length);
          for (uint32_t i = 0; i < length; ++i) {
            const Napi::Value entry = array.Get(i);
            if (entry.IsNull() || entry.IsUndefined()) out.push_back(c10::optional<at::Tensor>());
            else out.push_back(unwrap(entry));
          }
          return out;
        }
        case c10::TypeKind::IntType:
        case c10::TypeKind::SymIntType: {
          std::vector<int64_t> out;
          out.reserve(length);
          for (uint32_t i = 0; i < length; ++i) out.push_back(toInt(array.Get(i), argument));
          return out;
        }
        case c10::TypeKind::FloatType: {
          std::vector<double> out;
          out.reserve(length);
          for (uint32_t i = 0; i < length; ++i) out.push_back(toDouble(array.Get(i), argument));
          return out;
        }
        case c10::TypeKind::BoolType: {
          c10::List<bool> out;
          for (uint32_t i = 0; i < length; ++i) {
            const Napi::Value entry = array.Get(i);
            if (!entry.IsBoolean()) throw Napi::TypeError::New(env, expected(argument, kindOf(entry)));
            out.push_back(entry.As<Napi::Boolean>().Value());
          }
          return out;
        }
        case c10::TypeKind::NumberType: {
          c10::List<at::Scalar> out;
          for (uint32_t i = 0; i < length; ++i) out.push_back(toScalar(array.Get(i), argument));
          return c10::impl::toList(out);
        }
        default:
          break;
      }
      throw Napi::TypeError::New(env, "lists of " + element->str() + " are not supported");
    }
    default:
      if (value.IsNull() || value.IsUndefined()) return c10::IValue();
      throw Napi::TypeError::New(env, "arguments of type " + type->str() + " are not supported");
  }
}

torch::jit::Stack toStack(const c10::OperatorHandle& op, const Napi::Array& given) {
  const auto& arguments = op.schema().arguments();
  const Napi::Env env = given.Env();
  if (given.Length() > arguments.size())
    throw Napi::TypeError::New(env, "takes " + std::to_string(arguments.size()) + " arguments, got " +
                                        std::to_string(given.Length()));
  torch::jit::Stack stack;
  stack.reserve(arguments.size());
  const bool makes = makesTensors(op.schema());
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    const Napi::Value value = i < given.Length() ? given.Get(i) : env.Undefined();
    if (value.IsUndefined()) {
      if (argument.default_value()) stack.push_back(*argument.default_value());
      else if (argument.type()->kind() == c10::TypeKind::OptionalType) stack.emplace_back();
      else throw Napi::TypeError::New(env, "argument '" + argument.name() + "' is missing");
    } else if (makes && value.IsNumber() && argument.type()->kind() == c10::TypeKind::NumberType) {
      stack.emplace_back(toDouble(value, argument));  // JavaScript has no integers: float32, unless a dtype is given
    } else {
      stack.push_back(convert(value, argument.type(), argument));
    }
  }
  return stack;
}

Napi::Value fromIValue(Napi::Env env, const c10::IValue& value) {
  if (value.isTensor()) return wrap(env, value.toTensor());
  if (value.isTensorList()) {
    const auto list = value.toTensorVector();
    auto out = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); ++i) out.Set(i, wrap(env, list[i]));
    return out;
  }
  if (value.isInt()) return Napi::Number::New(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isScalar()) return Napi::Number::New(env, value.toScalar().to<double>());
  if (value.isNone()) return env.Undefined();
  throw Napi::TypeError::New(env, "results of type " + value.tagKind() + " are not supported");
}

Napi::Value fromStack(Napi::Env env, const torch::jit::Stack& stack) {
  if (stack.empty()) return env.Undefined();
  if (stack.size() == 1) return fromIValue(env, stack[0]);
  auto out = Napi::Array::New(env, stack.size());
  for (uint32_t i = 0; i < stack.size(); ++i) out.Set(i, fromIValue(env, stack[i]));
  return out;
}

const c10::OperatorHandle& operatorAt(const Napi::Value& id) {
  const auto& all = Environment::of(id.Env())->operators;
  const int64_t index = id.IsNumber() ? id.As<Napi::Number>().Int64Value() : -1;
  if (index < 0 || index >= static_cast<int64_t>(all.size())) throw Napi::RangeError::New(id.Env(), "no such operator");
  return all[index];
}

Napi::Value findOp(const Napi::CallbackInfo& info) {
  // (name: 'aten::add', overload: 'Tensor') -> id, or undefined where this libtorch has none.
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string name = info[0].ToString(), overload = info[1].ToString();
    const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) return env.Undefined();
    auto& all = Environment::of(env)->operators;
    all.push_back(*handle);
    return Napi::Number::New(env, static_cast<double>(all.size() - 1));
  });
}

Napi::Value schema(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), c10::toString(operatorAt(info[0]).schema()));
  });
}

Napi::Value invoke(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& op = operatorAt(info[0]);
    torch::jit::Stack stack = toStack(op, info[1].As<Napi::Array>());
    op.callBoxed(&stack);
    return fromStack(env, stack);
  });
}

class Invocation : public Napi::AsyncWorker {
 public:
  Invocation(Napi::Env env, const c10::OperatorHandle& op, torch::jit::Stack stack)
      : Napi::AsyncWorker(env), op_(op), stack_(std::move(stack)), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() { return deferred_.Promise(); }

 protected:
  void Execute() override {
    at::ThreadLocalStateGuard guard(state_);  // grad mode and autocast of the caller
    try {
      op_.callBoxed(&stack_);
    } catch (const c10::Error& error) {
      SetError(error.what_without_backtrace());
    }
  }
  void OnOK() override {
    Napi::Value result;
    try {
      result = fromStack(Env(), stack_);
    } catch (const Napi::Error& error) {
      return deferred_.Reject(error.Value());
    } catch (const std::exception& error) {
      return deferred_.Reject(Napi::Error::New(Env(), error.what()).Value());
    }
    deferred_.Resolve(result);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  const c10::OperatorHandle op_;
  torch::jit::Stack stack_;
  Napi::Promise::Deferred deferred_;
  at::ThreadLocalState state_;
};

Napi::Value invokeAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& op = operatorAt(info[0]);
    auto* worker = new Invocation(env, op, toStack(op, info[1].As<Napi::Array>()));
    const auto promise = worker->promise();
    worker->Queue();
    return promise;
  });
}

}  // namespace

void initDispatch(Napi::Env env, Napi::Object exports) {
  exports.Set("findOp", Napi::Function::New(env, findOp));
  exports.Set("schema", Napi::Function::New(env, schema));
  exports.Set("invoke", Napi::Function::New(env, invoke));
  exports.Set("invokeAsync", Napi::Function::New(env, invokeAsync));
}

}  // namespace tagmask
