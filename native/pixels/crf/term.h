// One pairwise term: the lattice with D^-1/2 in its weights, and the filter on it.
#pragma once
#include "lattice.h"

namespace tagmask::pixels {

struct Term {
  Lattice lattice;
  float compat = 0;
  Buffer<float> constant;  // [slots]: compat times the filtered constant 1

  // Normalises the lattice's weights by D^-1/2, D the row sums of the kernel; fills `constant`.
  void normalise(const PixelOrder& order, Team& team);
  // Sizes the values for rows of so many channels.
  void resize(int channels);

  // Before a segment's first scatter().
  void clear(const RowKernels& kernels, int segment);
  // Adds the rows' splat; the pixels are those from `slot` on, of the segment.
  void scatter(const RowKernels& kernels, int segment, size_t slot, int count, const float* rows);
  // Blurs what was splatted and multiplies it by scale.
  void blur(const RowKernels& kernels, float scale, Team& team);
  // Slices the blurred values: messages (+)= them.
  void gather(const RowKernels& kernels, int segment, size_t slot, int count, float* messages, bool add) const;

 private:
  void filterOnes(const PixelOrder& order, float* out, float scale, Team& team);

  Buffer<float> splatted_, blurred_;  // [rows][channels]
  Buffer<float> values_, spare_;      // [vertices + 1][channels], the last zero
};

}  // namespace tagmask::pixels
