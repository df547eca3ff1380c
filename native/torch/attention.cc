// tagmask::attention: softmax(q k^T / sqrt(d)) v of all heads, a few rows at a time, so that scores never leave the cache;
// with the mean over the heads of the first rows, which CAMs read. Not recorded by autograd. Float32 sums, also of bfloat16.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <ATen/core/Tensor.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>

namespace tagmask {
namespace {

constexpr size_t kBlock = 48;  // rows of a task, a multiple of any kRows

struct Problem {
  size_t count, heads, d;  // tokens of an image, heads, channels of a head
  size_t stride;           // between tokens of `queries`
};

// A block of rows of one image.
template <typename T>
struct Rows {
  const T* queries;
  const void *keys, *values;  // of all heads, packed
  T* tokens;
  float* mean;  // nothing beyond `meanRows`
  size_t count, meanRows;
};

}  // namespace
}  // namespace tagmask

#pragma GCC push_options
#pragma GCC optimize("O3")

#define TAGMASK_SET any
#define TAGMASK_WIDTH 4
#define TAGMASK_ROWS 6
#include "attention-kernel.h"

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define TAGMASK_SET avx2
#define TAGMASK_WIDTH 8
#define TAGMASK_ROWS 6
#include "attention-kernel.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#define TAGMASK_SET avx512
#define TAGMASK_WIDTH 16
#define TAGMASK_ROWS 12
#include "attention-kernel.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")
#define TAGMASK_SET avx512bf16
#define TAGMASK_WIDTH 16
#define TAGMASK_ROWS 12
#define TAGMASK_PAIRS
#include "attention-kernel.h"
#pragma GCC pop_options
#endif

#pragma GCC pop_options

namespace tagmask {
namespace {

template <typename T>
struct Kernel {
  size_t panel, rows, item;  // columns of a panel, rows at once, numbers of T in 4 bytes
  void (*packKeys)(const T*, size_t, size_t, size_t, void*);
  void (*packValues)(const T*, size_t, size_t, size_t, void*);
  void (*attendRows)(const Rows<T>&, const Problem&, float*);
};

#define TAGMASK_KERNEL(set) \
  {set::kPanel, set::kRows, set::kItem<set::ItemOf<T>>, set::packKeys<T>, set::packValues<T>, set::attendRows<T>}

// The best of this processor.
template <typename T>
Kernel<T> kernelOf() {
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (wide && __builtin_cpu_supports("avx512bf16")) return TAGMASK_KERNEL(avx512bf16);
  if (wide) return TAGMASK_KERNEL(avx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return TAGMASK_KERNEL(avx2);
#endif
  return TAGMASK_KERNEL(any);
}

#undef TAGMASK_KERNEL

template <typename T>
void attend(const Kernel<T>& kernel, const at::Tensor& qkv, const Problem& at, at::Tensor& tokens, at::Tensor& mean) {
  const size_t images = qkv.size(0), width = at.heads * at.d, meanRows = mean.size(1);
  const auto panels = [&](size_t columns) { return (columns + kernel.panel - 1) / kernel.panel * kernel.panel; };
  const size_t keysOf = panels(at.count) * at.d / kernel.item;
  const size_t valuesOf = (at.count + kernel.item - 1) / kernel.item * panels(at.d);
  const auto floats = at::TensorOptions().dtype(at::kFloat);
  const auto room = [&](size_t count) { return at::empty({static_cast<int64_t>(count)}, floats); };
  const at::Tensor keyRoom = room(images * at.heads * keysOf), valueRoom = room(images * at.heads * valuesOf);
  const size_t scratchOf = kernel.rows * 2 * (panels(at.count) + panels(at.d));
  const at::Tensor scratch = room(at::get_num_threads() * scratchOf);
  float *keys = keyRoom.data_ptr<float>(), *values = valueRoom.data_ptr<float>(), *own = scratch.data_ptr<float>();
  const T* data = static_cast<const T*>(qkv.data_ptr());
  T* made = static_cast<T*>(tokens.data_ptr());
  float* means = mean.data_ptr<float>();
  at::parallel_for(0, images * at.heads, 1, [&](int64_t begin, int64_t end) {
    for (size_t one = begin; one < static_cast<size_t>(end); one++) {
      const T* key = data + one / at.heads * at.count * at.stride + width + one % at.heads * at.d;
      kernel.packKeys(key, at.stride, at.count, at.d, keys + one * keysOf);
      kernel.packValues(key + width, at.stride, at.count, at.d, values + one * valuesOf);
    }
  });
  const size_t blocks = (at.count + kBlock - 1) / kBlock;
  at::parallel_for(0, images * blocks, 1, [&](int64_t begin, int64_t end) {
    for (size_t one = begin; one < static_cast<size_t>(end); one++) {
      const size_t image = one / blocks, first = one % blocks * kBlock, row = image * at.count + first;
      const size_t before = std::min(first, meanRows);
      kernel.attendRows({data + row * at.stride, keys + image * at.heads * keysOf, values + image * at.heads * valuesOf,
                         made + row * width, means + (image * meanRows + before) * at.count,
                         std::min(kBlock, at.count - first), meanRows - before},
                        at, own + at::get_thread_num() * scratchOf);
    }
  });
}

// The same in libtorch's operators: for other types, and heads of an odd number of channels.
std::tuple<at::Tensor, at::Tensor> attendPlain(const at::Tensor& qkv, const Problem& at, int64_t meanRows) {
  const int64_t images = qkv.size(0), count = at.count, heads = at.heads, d = at.d;
  const at::Tensor parts = qkv.reshape({images, count, 3, heads, d}).permute({2, 0, 3, 1, 4});
  at::Tensor weights = at::matmul(parts[0].div(std::sqrt(static_cast<double>(d))), parts[1].transpose(-2, -1));
  at::softmax_out(weights, weights, -1);
  const at::Tensor tokens = at::matmul(weights, parts[2]).transpose(1, 2).reshape({images, count, heads * d});
  return {tokens, weights.narrow(2, 0, meanRows).mean({1}, false, at::kFloat)};
}

// qkv [B, N, 3 heads d], rows q | k | v, each in heads -> tokens [B, N, heads d], mean float32 [B, meanRows, N]
std::tuple<at::Tensor, at::Tensor> attention(const at::Tensor& given, int64_t heads, int64_t meanRows) {
  TORCH_CHECK(given.dim() == 3 && heads > 0 && given.size(2) > 0 && given.size(2) % (3 * heads) == 0,
              "attention: qkv ", given.sizes(), " for ", heads, " heads");
  TORCH_CHECK(given.size(1) > 0 && meanRows >= 0 && meanRows <= given.size(1),
              "attention: mean of ", meanRows, " rows of ", given.sizes());
  const at::Tensor qkv = given.contiguous();
  const Problem problem{static_cast<size_t>(qkv.size(1)), static_cast<size_t>(heads),
                        static_cast<size_t>(qkv.size(2) / 3 / heads), static_cast<size_t>(qkv.size(2))};
  const auto type = qkv.scalar_type();
  if ((type != at::kFloat && type != at::kBFloat16) || problem.d % 2 != 0) return attendPlain(qkv, problem, meanRows);
  at::Tensor tokens = at::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.options());
  at::Tensor mean = at::empty({qkv.size(0), meanRows, qkv.size(1)}, qkv.options().dtype(at::kFloat));
  if (type == at::kFloat) attend(kernelOf<float>(), qkv, problem, tokens, mean);
  else attend(kernelOf<c10::BFloat16>(), qkv, problem, tokens, mean);
  return {tokens, mean};
}

}  // namespace

TORCH_LIBRARY(tagmask, library) { library.def("attention(Tensor qkv, int heads, int mean_rows) -> (Tensor, Tensor)"); }
TORCH_LIBRARY_IMPL(tagmask, CPU, library) { library.impl("attention", attention); }

}  // namespace tagmask
