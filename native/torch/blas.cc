// Debian's OpenBLAS under libtorch: its threads wait for each other many times in a product, and libtorch multiplies the
// matrices of a batch one after another. Here each thread has a part of the product, or matrices of its own, and waits once.
// Linear layers in bfloat16 go to oneDNN another way.
#ifdef TAGMASK_OPENBLAS
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm_cpu_dispatch.h>
#include <ATen/ops/bmm_cpu_dispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mkldnn_convolution_native.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "torch-version.h"

namespace tagmask {
namespace {

// Fortran's: matrices column by column, all by address.
using Sgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                       const int*, const float*, const int*, const float*, float*, const int*);

struct OpenBlas {
  Sgemm sgemm;
  bool divides;  // its threads are OpenMP's, and none are started in a parallel region
};

const OpenBlas& openBlas() {
  static const OpenBlas found = [] {
    void* library = dlopen("libblas.so.3", RTLD_LAZY | RTLD_NOLOAD);
    const auto sgemm = library == nullptr ? nullptr : reinterpret_cast<Sgemm>(dlsym(library, "sgemm_"));
    if (sgemm == nullptr) return OpenBlas{nullptr, false};
    const auto parallel = reinterpret_cast<int (*)()>(dlsym(library, "openblas_get_parallel"));
    return OpenBlas{sgemm, parallel != nullptr && parallel() == 2};
  }();
  return found;
}

constexpr int64_t kAlone = 1 << 18;  // multiply-adds that are not worth a second thread; OpenBLAS's own bound
constexpr int64_t kRegister = 16;    // parts are multiples of it: whole blocks of the kernels

// Rows or columns of a part, where `length` of them are divided.
int64_t partOf(int64_t length, int64_t parts) {
  const int64_t even = (length + parts - 1) / parts;
  return (even + kRegister - 1) / kRegister * kRegister;
}

// A matrix as BLAS takes it: row by row or column by column, without gaps within either.
struct Matrix {
  const float* data;
  int64_t batch;  // stride between matrices
  int leading;
  bool rows;
};

std::optional<Matrix> matrixOf(const at::Tensor& x) {
  const int64_t rows = x.size(1), columns = x.size(2), most = std::numeric_limits<int>::max();
  const auto fits = [&](int64_t inner, int64_t outer, int64_t length) {
    return inner == 1 && outer >= std::max<int64_t>(1, length) && outer <= most;
  };
  const float* data = x.data_ptr<float>();
  if (fits(x.stride(2), x.stride(1), columns)) return Matrix{data, x.stride(0), static_cast<int>(x.stride(1)), true};
  if (fits(x.stride(1), x.stride(2), rows)) return Matrix{data, x.stride(0), static_cast<int>(x.stride(2)), false};
  return std::nullopt;
}

bool isFloats(const at::Tensor& x) { return x.scalar_type() == at::kFloat && x.dim() == 3 && x.numel() > 0; }

// out [B, n, m] = a [B, n, k] b [B, k, m]; false where that is libtorch's own to do, or to refuse.
bool multiply(const at::Tensor& a, const at::Tensor& b, float* out) {
  const auto left = matrixOf(a), right = matrixOf(b);
  const int64_t count = a.size(0), rows = a.size(1), threads = at::get_num_threads(), most = std::numeric_limits<int>::max();
  if (!left || !right || count == 1 || threads == 1 || at::in_parallel_region()) return false;
  if (std::max({rows, a.size(2), b.size(2)}) > most) return false;
  const int k = static_cast<int>(a.size(2)), m = static_cast<int>(b.size(2));
  // few matrices are divided, so that every thread has about four parts
  const int64_t part = std::min(rows, partOf(rows, (4 * threads + count - 1) / count)), parts = (rows + part - 1) / part;
  const float one = 1, zero = 0;
  const Sgemm sgemm = openBlas().sgemm;
  at::parallel_for(0, count * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t matrix = i / parts, first = i % parts * part;
      const int some = static_cast<int>(std::min(part, rows - first));
      const float* from = left->data + matrix * left->batch + first * (left->rows ? left->leading : 1);
      sgemm(right->rows ? "N" : "T", left->rows ? "N" : "T", &m, &some, &k, &one, right->data + matrix * right->batch,
            &right->leading, from, &left->leading, &zero, out + (matrix * rows + first) * m, &m);
    }
  });
  return true;
}

bool fit(const at::Tensor& a, const at::Tensor& b) {
  return isFloats(a) && isFloats(b) && a.size(0) == b.size(0) && a.size(2) == b.size(1);
}

at::Tensor bmm(const at::Tensor& a, const at::Tensor& b) {
  if (!fit(a, b)) return at::cpu::bmm(a, b);
  at::Tensor product = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
  return multiply(a, b, product.data_ptr<float>()) ? product : at::cpu::bmm(a, b);
}

at::Tensor& bmmOut(const at::Tensor& a, const at::Tensor& b, at::Tensor& out) {
  const bool takes = fit(a, b) && isFloats(out) && out.is_contiguous() &&
                     out.sizes() == at::IntArrayRef({a.size(0), a.size(1), b.size(2)});
  return takes && multiply(a, b, out.data_ptr<float>()) ? out : at::cpu::bmm_outf(a, b, out);
}

// Whether oneDNN multiplies it faster as a convolution: x [M, K] w^T + bias in bfloat16, with more columns than K.
bool isWideLinear(const at::Tensor& bias, const at::Tensor& x, const at::Tensor& w) {
#if defined(__x86_64__)
  static const bool native = __builtin_cpu_supports("avx512bf16");
#else
  constexpr bool native = false;
#endif
  constexpr int64_t kRows = 256;  // fewer take no time
  if (!native || x.scalar_type() != at::kBFloat16 || x.dim() != 2 || w.dim() != 2 || w.size(0) != x.size(1)) return false;
  const int64_t k = x.size(1), n = w.size(1);
  return bias.dim() == 1 && bias.size(0) == n && bias.is_contiguous() && bias.scalar_type() == at::kBFloat16 &&
         w.scalar_type() == at::kBFloat16 && x.size(0) >= kRows && n > k && k > 0 && x.is_contiguous() && w.t().is_contiguous();
}

// libtorch copies the bias into every row and lets oneDNN add to it, for up to a quarter of the time of a product; a convolution
// of 1 x 1 takes the bias itself. Its input and output in channels-last order are the rows as they lie there.
at::Tensor addmm(const at::Tensor& bias, const at::Tensor& x, const at::Tensor& w, const at::Scalar& beta,
                 const at::Scalar& alpha) {
  if (!isWideLinear(bias, x, w) || beta.toDouble() != 1 || alpha.toDouble() != 1) return at::cpu::addmm(bias, x, w, beta, alpha);
  const int64_t m = x.size(0), k = x.size(1), n = w.size(1);
  const at::Tensor image = x.reshape({1, m, 1, k}).permute({0, 3, 1, 2}), filters = w.t().reshape({n, k, 1, 1});
  const at::Tensor made = at::native::mkldnn_convolution(image, filters, bias, {0, 0}, {1, 1}, {1, 1}, 1);
  return made.permute({0, 2, 3, 1}).reshape({m, n});
}

#if TORCH_VERSION_MAJOR < 2
namespace Warnings = c10::Warning;
class Silent : public c10::WarningHandler {
  void process(const c10::SourceLocation&, const std::string&, bool) override {}
};
#else
namespace Warnings = c10::WarningUtils;
class Silent : public c10::WarningHandler {
  void process(const c10::Warning&) override {}
};
#endif

// libtorch warns of a kernel that takes another's place.
const auto registered = [] {
  Silent silent;
  Warnings::WarningHandlerGuard guard(&silent);
  auto library = std::make_unique<torch::Library>(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
  if (openBlas().divides) {
    library->impl("bmm", bmm);
    library->impl("bmm.out", bmmOut);
  }
  library->impl("addmm", addmm);
  return library;
}();

}  // namespace
}  // namespace tagmask

// libtorch's products come here, for what loads it is searched before what it needs.
extern "C" __attribute__((visibility("default"))) void sgemm_(const char* transA, const char* transB, const int* m,
                                                              const int* n, const int* k, const float* alpha,
                                                              const float* a, const int* lda, const float* b,
                                                              const int* ldb, const float* beta, float* c,
                                                              const int* ldc) {
  using namespace tagmask;
  const auto& [sgemm, divides] = openBlas();
  TORCH_CHECK(sgemm != nullptr, "libtorch is loaded without libblas.so.3");
  const int64_t threads = at::get_num_threads(), work = int64_t{*m} * *n * *k;
  if (!divides || threads == 1 || work <= kAlone || at::in_parallel_region()) {
    sgemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    return;
  }
  // columns of c go with columns of op(b), rows of c with rows of op(a): the longer of both is divided
  const bool columns = *n >= *m;
  const int64_t length = columns ? *n : *m, part = partOf(length, threads);
  const int64_t stepA = columns ? 0 : *transA == 'N' || *transA == 'n' ? 1 : *lda;
  const int64_t stepB = !columns ? 0 : *transB == 'N' || *transB == 'n' ? *ldb : 1;
  const int64_t stepC = columns ? *ldc : 1;
  at::parallel_for(0, (length + part - 1) / part, 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * part;
    const int some = static_cast<int>(std::min(end * part, length) - first);
    sgemm(transA, transB, columns ? m : &some, columns ? &some : n, k, alpha, a + first * stepA, lda, b + first * stepB,
          ldb, beta, c + first * stepC, ldc);
  });
}
#endif
