// Picks the kernels of the widest instruction set this processor has.
#include "row-kernels.h"
#include "simplices.h"

#define CRF_DECLARE(isa)                         \
  namespace isa {                                \
  RowKernels rowKernels(int channels);           \
  FindSimplices findSimplices(int dimensions);   \
  }

namespace tagmask::crf {

CRF_DECLARE(baseline)

#ifdef CRF_X64
CRF_DECLARE(avx2)

static const bool hasAvx2 = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}();

RowKernels rowKernels(int channels) {
  return hasAvx2 ? avx2::rowKernels(channels) : baseline::rowKernels(channels);
}

FindSimplices findSimplices(int dimensions) {
  return hasAvx2 ? avx2::findSimplices(dimensions) : baseline::findSimplices(dimensions);
}
#else
RowKernels rowKernels(int channels) { return baseline::rowKernels(channels); }

FindSimplices findSimplices(int dimensions) { return baseline::findSimplices(dimensions); }
#endif

}  // namespace tagmask::crf
