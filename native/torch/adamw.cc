// tagmask::adamw_: a step of AdamW over several parameters at once, each number read and written once. In libtorch's
// operators it is nine passes over each of them, and as many calls.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "target-clones.h"

namespace tagmask {
namespace {

struct Rates {
  double decayed, beta1, beta2, root, eps, step;  // root: of 1 - beta2^t; step: lr / (1 - beta1^t)
};

// No template: those have no clones.
#define TAGMASK_UPDATE(T)                                                                                              \
  TAGMASK_CLONES void update(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, int64_t count,  \
                             const Rates& rates) {                                                                     \
    const T decayed = static_cast<T>(rates.decayed), beta1 = static_cast<T>(rates.beta1),                              \
            beta2 = static_cast<T>(rates.beta2), root = static_cast<T>(rates.root), eps = static_cast<T>(rates.eps),   \
            step = static_cast<T>(rates.step), rest1 = static_cast<T>(1 - rates.beta1),                                \
            rest2 = static_cast<T>(1 - rates.beta2);                                                                   \
    for (int64_t i = 0; i < count; i++) {                                                                              \
      m[i] = m[i] * beta1 + rest1 * g[i];                                                                              \
      v[i] = v[i] * beta2 + rest2 * g[i] * g[i];                                                                       \
      p[i] = p[i] * decayed - step * m[i] / (std::sqrt(v[i]) / root + eps);                                            \
    }                                                                                                                  \
  }
TAGMASK_UPDATE(float)
TAGMASK_UPDATE(double)
#undef TAGMASK_UPDATE

template <typename T>
void updateAll(const at::TensorList& parameters, const std::vector<at::Tensor>& gradients, const at::TensorList& means,
               const at::TensorList& squares, const Rates& rates) {
  std::vector<int64_t> ends;
  for (const at::Tensor& parameter : parameters) ends.push_back((ends.empty() ? 0 : ends.back()) + parameter.numel());
  at::parallel_for(0, ends.back(), 1 << 15, [&](int64_t begin, int64_t end) {
    size_t i = std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin();
    for (int64_t at = begin; at < end; at = ends[i++]) {
      const int64_t from = at - (i == 0 ? 0 : ends[i - 1]), count = std::min(end, ends[i]) - at;
      update(parameters[i].data_ptr<T>() + from, gradients[i].data_ptr<T>() + from, means[i].data_ptr<T>() + from,
             squares[i].data_ptr<T>() + from, count, rates);
    }
  });
}

// parameter, gradient and both averages of one shape and type, float32 or float64. t counts from 1.
void adamw(at::TensorList parameters, at::TensorList gradients, at::TensorList means, at::TensorList squares, double lr,
           double beta1, double beta2, double eps, double weightDecay, int64_t t) {
  TORCH_CHECK(parameters.size() == gradients.size() && parameters.size() == means.size() &&
                  parameters.size() == squares.size(),
              "adamw_: ", parameters.size(), " parameters, ", gradients.size(), " gradients, ", means.size(), " and ",
              squares.size(), " averages");
  TORCH_CHECK(t > 0, "adamw_: step ", t);
  std::vector<at::Tensor> dense;
  for (size_t i = 0; i < parameters.size(); i++) {
    const at::Tensor& parameter = parameters[i];
    for (const at::Tensor* one : {&gradients[i], &means[i], &squares[i]})
      TORCH_CHECK(one->sizes() == parameter.sizes() && one->scalar_type() == parameters[0].scalar_type(), "adamw_: ",
                  one->scalar_type(), one->sizes(), " of a parameter ", parameter.scalar_type(), parameter.sizes());
    for (const at::Tensor* one : {&parameter, &means[i], &squares[i]})
      TORCH_CHECK(one->is_contiguous() && one->scalar_type() == parameters[0].scalar_type(), "adamw_: ",
                  one->scalar_type(), " with strides ", one->strides());
    dense.push_back(gradients[i].contiguous());
  }
  const Rates rates{1 - lr * weightDecay, beta1, beta2, std::sqrt(1 - std::pow(beta2, t)), eps, lr / (1 - std::pow(beta1, t))};
  if (parameters.empty()) return;
  if (parameters[0].scalar_type() == at::kDouble) updateAll<double>(parameters, dense, means, squares, rates);
  else updateAll<float>(parameters, dense, means, squares, rates);
  for (const auto& list : {parameters, means, squares})
    for (const at::Tensor& written : list) written.unsafeGetTensorImpl()->bump_version();  // for whoever has saved it
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(tagmask, library) {
  library.def(
      "adamw_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] means, Tensor(c!)[] squares, float lr, "
      "float beta1, float beta2, float eps, float weight_decay, int t) -> ()");
}
TORCH_LIBRARY_IMPL(tagmask, CPU, library) { library.impl("adamw_", adamw); }

}  // namespace tagmask
