// Picks the kernels of the widest instruction set this processor has.
#include "crf/row-kernels.h"
#include "crf/simplices.h"
#include "par/pixel-kernels.h"

#define REFINE_DECLARE(isa)                         \
  namespace isa {                                \
  RowKernels rowKernels(int channels);           \
  FindSimplices findSimplices(int dimensions);   \
  PixelKernels pixelKernels();                   \
  }

namespace tagmask::refine {

REFINE_DECLARE(baseline)

#ifdef REFINE_X64
REFINE_DECLARE(avx2)

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

PixelKernels pixelKernels() { return hasAvx2 ? avx2::pixelKernels() : baseline::pixelKernels(); }
#else
RowKernels rowKernels(int channels) { return baseline::rowKernels(channels); }

FindSimplices findSimplices(int dimensions) { return baseline::findSimplices(dimensions); }

PixelKernels pixelKernels() { return baseline::pixelKernels(); }
#endif

}  // namespace tagmask::refine
