// tagmask::attention: softmax(q k^T / sqrt(d)) v of all heads, a few rows at a time, so that scores never leave the cache;
// with the mean over the heads of the first rows, which CAMs read. Float32 sums, also of bfloat16. tagmask::attention_backward:
// its gradients, from q, k and v alone. Autograd records neither: models/vit joins them.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <ATen/core/Tensor.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tagmask {
namespace {

constexpr size_t kBlock = 48;    // rows of a task, a multiple of any kRows
constexpr size_t kDerived = 96;  // rows whose weights a thread keeps, a multiple of any kRows

struct Problem {
  size_t queries, keys, heads, d;  // of an image, heads, channels of a head
};

// Rows so far apart, each without gaps.
template <typename T>
struct Slab {
  T* data;
  size_t stride;
  Slab from(size_t row, size_t column = 0) const { return {data + row * stride + column, stride}; }
};

// A block of rows of one image.
template <typename T>
struct Rows {
  Slab<const T> queries;
  const void *keys, *values;  // of all heads, packed
  T* tokens;
  float* mean;  // nothing beyond `meanRows`
  size_t count, meanRows;
};

// A head of one image; `gradients` are those of its tokens, `mean` those of the mean's rows.
template <typename T>
struct Head {
  Slab<const T> queries, keys, values, gradients;
  const float* mean;
  size_t meanRows;
  Slab<T> dQueries, dKeys, dValues;
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
  void (*packKeys)(Slab<const T>, size_t, size_t, void*);
  void (*packValues)(Slab<const T>, size_t, size_t, void*);
  void (*attendRows)(const Rows<T>&, const Problem&, float*);
  size_t (*derivedRoom)(const Problem&);
  void (*deriveHead)(const Head<T>&, const Problem&, float*);
};

#define TAGMASK_KERNEL(set)                                                                                  \
  {set::kPanel,        set::kRows,         set::kItem<set::ItemOf<T>>, set::packKeys<T>, set::packValues<T>, \
   set::attendRows<T>, set::derivedRoom<T>, set::deriveHead<T>}

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

// Queries, keys and values [B, N, heads d], possibly parts of one tensor.
struct Heads {
  at::Tensor queries, keys, values;
  Problem problem;
  size_t images;
};

template <typename T>
Slab<T> slabOf(const at::Tensor& rows, size_t image) {
  return {static_cast<T*>(rows.data_ptr()) + image * rows.stride(0), static_cast<size_t>(rows.stride(1))};
}

at::Tensor room(size_t count) {
  return at::empty({static_cast<int64_t>(count)}, at::TensorOptions().dtype(at::kFloat));
}

template <typename T>
void attend(const Kernel<T>& kernel, const Heads& of, at::Tensor& tokens, at::Tensor& mean) {
  const Problem& at = of.problem;
  const size_t width = at.heads * at.d, meanRows = mean.size(1);
  const auto panels = [&](size_t columns) { return (columns + kernel.panel - 1) / kernel.panel * kernel.panel; };
  const size_t keysOf = panels(at.keys) * at.d / kernel.item;
  const size_t valuesOf = (at.keys + kernel.item - 1) / kernel.item * panels(at.d);
  const at::Tensor keyRoom = room(of.images * at.heads * keysOf), valueRoom = room(of.images * at.heads * valuesOf);
  const size_t scratchOf = kernel.rows * 2 * (panels(at.keys) + panels(at.d));
  const at::Tensor scratch = room(at::get_num_threads() * scratchOf);
  float *keys = keyRoom.data_ptr<float>(), *values = valueRoom.data_ptr<float>(), *own = scratch.data_ptr<float>();
  T* made = static_cast<T*>(tokens.data_ptr());
  float* means = mean.data_ptr<float>();
  at::parallel_for(0, of.images * at.heads, 1, [&](int64_t begin, int64_t end) {
    for (size_t one = begin; one < static_cast<size_t>(end); one++) {
      const size_t image = one / at.heads, column = one % at.heads * at.d;
      const auto from = [&](const at::Tensor& rows) { return slabOf<const T>(rows, image).from(0, column); };
      kernel.packKeys(from(of.keys), at.keys, at.d, keys + one * keysOf);
      kernel.packValues(from(of.values), at.keys, at.d, values + one * valuesOf);
    }
  });
  const size_t blocks = (at.queries + kBlock - 1) / kBlock;
  at::parallel_for(0, of.images * blocks, 1, [&](int64_t begin, int64_t end) {
    for (size_t one = begin; one < static_cast<size_t>(end); one++) {
      const size_t image = one / blocks, first = one % blocks * kBlock, row = image * at.queries + first;
      const size_t before = std::min(first, meanRows);
      kernel.attendRows({slabOf<const T>(of.queries, image).from(first), keys + image * at.heads * keysOf,
                         values + image * at.heads * valuesOf, made + row * width,
                         means + (image * meanRows + before) * at.keys, std::min(kBlock, at.queries - first),
                         meanRows - before},
                        at, own + at::get_thread_num() * scratchOf);
    }
  });
}

template <typename T>
void derive(const Kernel<T>& kernel, const Heads& of, const at::Tensor& gradients, const at::Tensor& dMean,
            const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv) {
  const Problem& at = of.problem;
  const size_t scratchOf = kernel.derivedRoom(at), meanRows = dMean.defined() ? dMean.size(1) : 0;
  const at::Tensor scratch = room(at::get_num_threads() * scratchOf);
  float* own = scratch.data_ptr<float>();
  const float* means = meanRows == 0 ? nullptr : dMean.data_ptr<float>();
  at::parallel_for(0, of.images * at.heads, 1, [&](int64_t begin, int64_t end) {
    for (size_t one = begin; one < static_cast<size_t>(end); one++) {
      const size_t image = one / at.heads, column = one % at.heads * at.d;
      const auto from = [&](const at::Tensor& rows) { return slabOf<const T>(rows, image).from(0, column); };
      const auto to = [&](const at::Tensor& rows) { return slabOf<T>(rows, image).from(0, column); };
      kernel.deriveHead({from(of.queries), from(of.keys), from(of.values), from(gradients),
                         meanRows == 0 ? nullptr : means + image * meanRows * at.keys, meanRows, to(dq), to(dk), to(dv)},
                        at, own + at::get_thread_num() * scratchOf);
    }
  });
}

// [B, N, heads d] -> [B, heads, N, d]
at::Tensor byHead(const at::Tensor& rows, const Problem& at) {
  return rows.reshape({rows.size(0), rows.size(1), static_cast<int64_t>(at.heads), static_cast<int64_t>(at.d)}).transpose(1, 2);
}

at::Tensor joined(const at::Tensor& heads) {
  return heads.transpose(1, 2).reshape({heads.size(0), heads.size(2), heads.size(1) * heads.size(3)});
}

at::Tensor weightsOf(const Heads& of) {
  const at::Tensor queries = byHead(of.queries, of.problem) / std::sqrt(static_cast<double>(of.problem.d));
  return at::matmul(queries, byHead(of.keys, of.problem).transpose(-2, -1)).softmax(-1);
}

// In libtorch's operators: for other types, and heads of an odd number of channels.
std::tuple<at::Tensor, at::Tensor> attendPlain(const Heads& of, int64_t meanRows) {
  const at::Tensor weights = weightsOf(of);
  return {joined(at::matmul(weights, byHead(of.values, of.problem))),
          weights.narrow(2, 0, meanRows).mean({1}, false, at::kFloat)};
}

void derivePlain(const Heads& of, const at::Tensor& gradients, const at::Tensor& dMean, const at::Tensor& dq,
                 const at::Tensor& dk, const at::Tensor& dv) {
  const Problem& at = of.problem;
  const at::Tensor weights = weightsOf(of), given = byHead(gradients, at);
  at::Tensor scores = at::matmul(given, byHead(of.values, at).transpose(-2, -1));
  if (dMean.defined()) scores.narrow(2, 0, dMean.size(1)).add_(dMean.unsqueeze(1), 1.0 / at.heads);
  scores = weights * (scores - (weights * scores).sum({-1}, true)) / std::sqrt(static_cast<double>(at.d));
  dq.copy_(joined(at::matmul(scores, byHead(of.keys, at))));
  dk.copy_(joined(at::matmul(scores.transpose(-2, -1), byHead(of.queries, at))));
  dv.copy_(joined(at::matmul(weights.transpose(-2, -1), given)));
}

Heads headsOf(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads) {
  TORCH_CHECK(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && q.size(0) == k.size(0) &&
                  q.size(2) == k.size(2) && heads > 0 && q.size(2) > 0 && q.size(2) % heads == 0,
              "attention: queries ", q.sizes(), ", keys ", k.sizes(), ", values ", v.sizes(), " for ", heads, " heads");
  TORCH_CHECK(q.size(1) > 0 && k.size(1) > 0, "attention: queries ", q.sizes(), ", keys ", k.sizes());
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), "attention: ", q.scalar_type(),
              " queries, ", k.scalar_type(), " keys, ", v.scalar_type(), " values");
  const auto withoutGaps = [](const at::Tensor& rows) { return rows.stride(2) == 1 ? rows : rows.contiguous(); };
  return {withoutGaps(q), withoutGaps(k), withoutGaps(v),
          Problem{static_cast<size_t>(q.size(1)), static_cast<size_t>(k.size(1)), static_cast<size_t>(heads),
                  static_cast<size_t>(q.size(2) / heads)},
          static_cast<size_t>(q.size(0))};
}

bool hasKernel(const Heads& of) {
  const auto type = of.queries.scalar_type();
  return (type == at::kFloat || type == at::kBFloat16) && of.problem.d % 2 == 0;
}

// q [B, N, heads d], k and v [B, M, heads d] -> tokens [B, N, heads d], mean float32 [B, meanRows, M]
std::tuple<at::Tensor, at::Tensor> attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                                             int64_t meanRows) {
  const Heads of = headsOf(q, k, v, heads);
  TORCH_CHECK(meanRows >= 0 && meanRows <= q.size(1), "attention: mean of ", meanRows, " rows of ", q.sizes());
  if (!hasKernel(of)) return attendPlain(of, meanRows);
  at::Tensor tokens = at::empty(q.sizes(), q.options());
  at::Tensor mean = at::empty({q.size(0), meanRows, k.size(1)}, q.options().dtype(at::kFloat));
  if (q.scalar_type() == at::kFloat) attend(kernelOf<float>(), of, tokens, mean);
  else attend(kernelOf<c10::BFloat16>(), of, tokens, mean);
  return {tokens, mean};
}

// Writes d/dq, d/dk and d/dv of tokens and mean, given d/d(tokens) and, where the mean was used, d/d(mean) [B, meanRows, M].
void attentionBackward(const at::Tensor& dTokens, const c10::optional<at::Tensor>& dMean, const at::Tensor& q,
                       const at::Tensor& k, const at::Tensor& v, int64_t heads, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv) {
  const Heads of = headsOf(q, k, v, heads);
  const auto type = q.scalar_type();
  for (const auto& [made, like] : {std::tie(dTokens, q), std::tie(dq, q), std::tie(dk, k), std::tie(dv, v)})
    TORCH_CHECK(made.sizes() == like.sizes() && made.scalar_type() == type, "attention_backward: gradient ", made.sizes(),
                " of ", like.sizes());
  for (const auto* made : {&dq, &dk, &dv}) TORCH_CHECK(made->stride(2) == 1, "attention_backward: strides ", made->strides());
  at::Tensor mean;
  if (dMean.has_value() && dMean->numel() > 0) {
    mean = dMean->to(at::kFloat).contiguous();
    TORCH_CHECK(mean.dim() == 3 && mean.size(0) == q.size(0) && mean.size(1) <= q.size(1) && mean.size(2) == k.size(1),
                "attention_backward: gradient ", mean.sizes(), " of the mean");
  }
  const at::Tensor gradients = dTokens.stride(2) == 1 ? dTokens : dTokens.contiguous();
  if (!hasKernel(of)) derivePlain(of, gradients, mean, dq, dk, dv);
  else if (type == at::kFloat) derive(kernelOf<float>(), of, gradients, mean, dq, dk, dv);
  else derive(kernelOf<c10::BFloat16>(), of, gradients, mean, dq, dk, dv);
  for (const auto* made : {&dq, &dk, &dv}) made->unsafeGetTensorImpl()->bump_version();  // for whoever has saved it
}

}  // namespace

TORCH_LIBRARY(tagmask, library) {
  library.def("attention(Tensor q, Tensor k, Tensor v, int heads, int mean_rows) -> (Tensor, Tensor)");
  library.def(
      "attention_backward(Tensor d_tokens, Tensor? d_mean, Tensor q, Tensor k, Tensor v, int heads, "
      "Tensor(a!) dq, Tensor(b!) dk, Tensor(c!) dv) -> ()");
}
TORCH_LIBRARY_IMPL(tagmask, CPU, library) {
  library.impl("attention", attention);
  library.impl("attention_backward", attentionBackward);
}

}  // namespace tagmask
