// One pairwise term: the lattice with D^-1/2 in its weights, and the filter on it.
#pragma once
#include "lattice.h"
#include "team.h"

namespace tagmask::crf {

struct Term {
  Lattice lattice;
  float compat = 0;
  Buffer<float> splatted, blurred;  // [vertices + 1][channels], the last row zero
  Buffer<float> constant;           // [slots]: compat times the filtered constant 1

  // Normalises the lattice's weights by D^-1/2, D the row sums of the kernel; fills `constant`.
  void normalise(size_t pixels);
  // Lists the splat by vertex, for gatherSplat().
  void invert(size_t pixels);
  // Sizes the rows and zeroes them.
  void clear(int channels);
  void clearSplatted(int channels);

  // blurred += messages; the pixels are those from `slot` on.
  void gather(const RowKernels& kernels, size_t slot, int count, float* messages, bool add) const {
    kernels.gather(lattice.taps, lattice.vertex.data() + slot * lattice.taps, lattice.weight.data() + slot * lattice.taps,
                   blurred.data(), messages, count, kernels.channels, add);
  }
  void scatter(const RowKernels& kernels, size_t slot, int count, const float* rows) {
    kernels.scatter(lattice.taps, lattice.vertex.data() + slot * lattice.taps, lattice.weight.data() + slot * lattice.taps,
                    splatted.data(), rows, count, kernels.channels);
  }
  // Splats all rows [slots][channels] at once, each vertex by one thread; adds in scatter()'s order.
  void gatherSplat(const RowKernels& kernels, const float* rows, Team& team);
  // blurred = scale * blur(splatted), which is lost.
  void blur(const RowKernels& kernels, float scale, Team& team);
  // Fetches what gather() and scatter() read of the pixels from `slot` on.
  void prefetch(size_t slot, int count) const;

 private:
  void filterOnes(size_t pixels, float* out, float scale);

  Buffer<uint32_t> first_;  // [vertices + 2]: where a vertex's entries begin
  Buffer<int32_t> slot_;    // of each entry
  Buffer<float> weight_;
};

}  // namespace tagmask::crf
