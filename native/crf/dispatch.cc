// Picks the row kernels of the widest instruction set this processor has.
#include "row-kernels.h"

namespace tagmask::crf {

namespace baseline { RowKernels rowKernels(int channels); }

#ifdef CRF_X64
namespace avx2 { RowKernels rowKernels(int channels); }
namespace avx512 { RowKernels rowKernels(int channels); }

RowKernels rowKernels(int channels) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw")) {
    return avx512::rowKernels(channels);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::rowKernels(channels);
  return baseline::rowKernels(channels);
}
#else
RowKernels rowKernels(int channels) { return baseline::rowKernels(channels); }
#endif

}  // namespace tagmask::crf
