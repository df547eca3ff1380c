// One pairwise term.
#include "term.h"

#include <algorithm>
#include <cmath>

namespace tagmask::pixels {

void Term::resize(int channels) {
  const size_t vertices = size_t(lattice.vertices) * channels;
  splatted_.resize(size_t(lattice.rows()) * channels);
  blurred_.resize(size_t(lattice.rows()) * channels);
  std::fill_n(values_.resize(vertices + channels) + vertices, channels, 0.0f);
  std::fill_n(spare_.resize(vertices + channels) + vertices, channels, 0.0f);
}

void Term::clear(const RowKernels& kernels, int segment) {
  const size_t begin = size_t(lattice.firstRow[segment]) * kernels.channels;
  const size_t end = size_t(lattice.firstRow[segment + 1]) * kernels.channels;
  std::fill(splatted_.data() + begin, splatted_.data() + end, 0.0f);
}

void Term::scatter(const RowKernels& kernels, int segment, size_t slot, int count, const float* rows) {
  float* to = splatted_.data() + size_t(lattice.firstRow[segment]) * kernels.channels;
  const size_t tap = slot * lattice.taps;
  kernels.scatter(lattice.taps, &lattice.row[tap], &lattice.weight[tap], to, rows, count, kernels.channels);
}

void Term::gather(const RowKernels& kernels, int segment, size_t slot, int count, float* messages, bool add) const {
  const float* from = blurred_.data() + size_t(lattice.firstRow[segment]) * kernels.channels;
  const size_t tap = slot * lattice.taps;
  kernels.gather(lattice.taps, &lattice.row[tap], &lattice.weight[tap], from, messages, count, kernels.channels, add);
}

void Term::blur(const RowKernels& kernels, float scale, Team& team) {
  constexpr size_t kGrain = 1024;
  const int channels = kernels.channels;
  team.split(lattice.vertices, kGrain, [&](size_t begin, size_t end) {
    kernels.collect(lattice.firstOfVertex.data(), lattice.rowOfVertex.data(), splatted_.data(), values_.data(),
                    int32_t(begin), int32_t(end), channels);
  });
  const Neighbours* neighbours = lattice.neighbours.data();
  for (int axis = 1; axis < lattice.taps; axis++, neighbours += lattice.vertices) {
    team.split(lattice.vertices, kGrain, [&](size_t begin, size_t end) {
      kernels.blur(neighbours, nullptr, values_.data(), spare_.data(), int32_t(begin), int32_t(end), 1, channels);
    });
    std::swap(values_, spare_);
  }
  scale /= 1.0f + std::exp2(-float(lattice.taps - 1));  // the lattice's own normalisation
  team.split(lattice.rows(), kGrain, [&](size_t begin, size_t end) {  // the last axis, straight into the segments' rows
    kernels.blur(neighbours, lattice.vertexOfRow.data(), values_.data(), blurred_.data(), int32_t(begin), int32_t(end),
                 scale, channels);
  });
}

// out = scale * K 1 with the present weights.
void Term::filterOnes(const PixelOrder& order, float* out, float scale, Team& team) {
  const RowKernels kernels = rowKernels(1);
  resize(1);
  float ones[kBlock];
  std::fill_n(ones, kBlock, 1.0f);
  team.each(order.segments(), [&](int segment) {
    clear(kernels, segment);
    order.eachBlock(segment, [&](const Block& block) { scatter(kernels, segment, block.slot, block.count, ones); });
  });
  blur(kernels, scale, team);
  team.each(order.segments(), [&](int segment) {
    const size_t begin = order.firstSlot(segment);
    gather(kernels, segment, begin, int(order.firstSlot(segment + 1) - begin), out + begin, false);
  });
}

void Term::normalise(const PixelOrder& order, Team& team) {
  float* norm = constant.resize(order.pixels());
  filterOnes(order, norm, 1, team);
  team.split(order.pixels(), kBlock, [&](size_t begin, size_t end) {
    float* weight = &lattice.weight[begin * lattice.taps];
    for (size_t slot = begin; slot < end; slot++) {
      const float factor = float(1.0 / std::sqrt(double(norm[slot]) + 1e-20));
      for (int t = 0; t < lattice.taps; t++) *weight++ *= factor;
    }
  });
  filterOnes(order, norm, compat, team);
}

}  // namespace tagmask::pixels
