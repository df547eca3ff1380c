// Picks the kernels of the widest instruction set this processor has.
#include "crf/row-kernels.h"
#include "crf/simplices.h"
#include "par/pixel-kernels.h"
#include "resize/resize-kernels.h"

#define PIXELS_DECLARE(isa)                    \
  namespace isa {                              \
  RowKernels rowKernels(int channels);         \
  FindSimplices findSimplices(int dimensions); \
  PixelKernels pixelKernels();                 \
  ResizeKernels resizeKernels();               \
  }

namespace tagmask::pixels {

PIXELS_DECLARE(baseline)

#ifdef PIXELS_X64
PIXELS_DECLARE(avx2)

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

ResizeKernels resizeKernels() { return hasAvx2 ? avx2::resizeKernels() : baseline::resizeKernels(); }
#else
RowKernels rowKernels(int channels) { return baseline::rowKernels(channels); }

FindSimplices findSimplices(int dimensions) { return baseline::findSimplices(dimensions); }

PixelKernels pixelKernels() { return baseline::pixelKernels(); }

ResizeKernels resizeKernels() { return baseline::resizeKernels(); }
#endif

}  // namespace tagmask::pixels
