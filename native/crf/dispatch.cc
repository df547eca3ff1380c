// Picks the kernels of the widest instruction set this processor has.
#include "row-kernels.h"
#include "simplices.h"

#define CRF_DECLARE(isa)                  \
  namespace isa {                         \
  RowKernels rowKernels(int channels);    \
  FindSimplices findSimplices(int dimensions); \
  }

namespace tagmask::crf {

CRF_DECLARE(baseline)

#ifdef CRF_X64
CRF_DECLARE(avx2)
CRF_DECLARE(avx512)

namespace {

enum class Isa { baseline, avx2, avx512 };

Isa widest() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  return avx2 ? (avx512 ? Isa::avx512 : Isa::avx2) : Isa::baseline;
}

const Isa isa = widest();

}  // namespace

RowKernels rowKernels(int channels) {
  if (isa == Isa::avx512) return avx512::rowKernels(channels);
  return isa == Isa::avx2 ? avx2::rowKernels(channels) : baseline::rowKernels(channels);
}

FindSimplices findSimplices(int dimensions) {
  if (isa == Isa::avx512) return avx512::findSimplices(dimensions);
  return isa == Isa::avx2 ? avx2::findSimplices(dimensions) : baseline::findSimplices(dimensions);
}
#else
RowKernels rowKernels(int channels) { return baseline::rowKernels(channels); }

FindSimplices findSimplices(int dimensions) { return baseline::findSimplices(dimensions); }
#endif

}  // namespace tagmask::crf
