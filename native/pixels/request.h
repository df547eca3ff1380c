// One request of JavaScript, field by field.
#pragma once
#include <napi.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "bad-input.h"

namespace tagmask::pixels {

// Reads one request; every check that TypeScript makes is made again here, since a wrong size would read foreign memory.
class Request {
 public:
  explicit Request(const Napi::Object& object) : object_(object) {}

  int integer(const char* field, int lowest, int highest) const {
    const double value = number(field);
    if (!(value >= lowest && value <= highest) || value != std::floor(value)) {
      throw BadInput(field, "not an integer from " + std::to_string(lowest) + " to " + std::to_string(highest));
    }
    return int(value);
  }

  double number(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue())) {
      throw BadInput(field, "not a finite number");
    }
    return value.As<Napi::Number>().DoubleValue();
  }

  std::optional<float> optionalNumber(const char* field) const {
    if (!has(field)) return std::nullopt;
    return float(number(field));
  }

  bool has(const char* field) const { return !object_.Get(field).IsUndefined(); }

  bool flag(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsBoolean()) throw BadInput(field, "neither true nor false");
    return value.As<Napi::Boolean>().Value();
  }

  // Where the array itself lies; for work that is done before the script goes on.
  template <class T>
  const T* place(const char* field, napi_typedarray_type type, size_t length) const {
    return checked<T>(field, type, length).Data();
  }

  template <class T>
  std::vector<T> array(const char* field, napi_typedarray_type type, size_t length) const {
    const auto array = checked<T>(field, type, length);
    return std::vector<T>(array.Data(), array.Data() + length);
  }

 private:
  template <class T>
  Napi::TypedArrayOf<T> checked(const char* field, napi_typedarray_type type, size_t length) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
      throw BadInput(field, "not the right kind of typed array");
    }
    const auto array = value.As<Napi::TypedArrayOf<T>>();
    if (array.ElementLength() != length) {
      throw BadInput(field, "holds " + std::to_string(array.ElementLength()) + " values, not " + std::to_string(length));
    }
    return array;
  }

  Napi::Object object_;
};

constexpr int kMaxSide = 1 << 20;
constexpr size_t kMaxPixels = size_t{1} << 28;
constexpr size_t kMaxValues = size_t{1} << 31;

}  // namespace tagmask::pixels
