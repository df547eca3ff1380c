// One pairwise term.
#include "term.h"

#include <algorithm>
#include <cmath>

namespace tagmask::crf {
namespace {

void zero(Buffer<float>& rows, size_t count) { std::fill_n(rows.resize(count), count, 0.0f); }

template <class T>
void prefetchArray(const T* from, size_t count) {
  const char* bytes = reinterpret_cast<const char*>(from);
  for (size_t i = 0; i < count * sizeof(T); i += 64) __builtin_prefetch(bytes + i);
}

}  // namespace

void Term::clear(int channels) {
  clearSplatted(channels);
  zero(blurred, (size_t(lattice.vertices) + 1) * channels);
}

void Term::clearSplatted(int channels) { zero(splatted, (size_t(lattice.vertices) + 1) * channels); }

void Term::prefetch(size_t slot, int count) const {
  prefetchArray(lattice.vertex.data() + slot * lattice.taps, size_t(count) * lattice.taps);
  prefetchArray(lattice.weight.data() + slot * lattice.taps, size_t(count) * lattice.taps);
}

void Term::blur(const RowKernels& kernels, float scale, Team& team) {
  scale /= 1.0f + std::exp2(-float(lattice.taps - 1));  // the lattice's own normalisation
  for (int axis = 0; axis < lattice.taps; axis++) {
    const Neighbours* neighbours = lattice.neighbours.data() + size_t(axis) * lattice.vertices;
    const float factor = axis == lattice.taps - 1 ? scale : 1.0f;
    const float* from = axis % 2 == 0 ? splatted.data() : blurred.data();
    float* to = axis % 2 == 0 ? blurred.data() : splatted.data();
    team.split(lattice.vertices, 1024, [&](size_t begin, size_t end) {
      kernels.blur(neighbours, from, to, int32_t(begin), int32_t(end), factor, kernels.channels);
    });
  }
  if (lattice.taps % 2 == 0) std::swap(splatted, blurred);
}

// out = scale * K 1 with the present weights.
void Term::filterOnes(size_t pixels, float* out, float scale) {
  const RowKernels kernels = rowKernels(1);
  clear(1);
  float ones[kBlock];
  std::fill_n(ones, kBlock, 1.0f);
  for (size_t slot = 0; slot < pixels; slot += kBlock) scatter(kernels, slot, int(std::min<size_t>(kBlock, pixels - slot)), ones);
  Team alone(1);
  blur(kernels, scale, alone);
  gather(kernels, 0, int(pixels), out, false);
}

void Term::normalise(size_t pixels) {
  float* norm = constant.resize(pixels);
  filterOnes(pixels, norm, 1);
  float* weight = lattice.weight.data();
  for (size_t slot = 0; slot < pixels; slot++) {
    const float factor = float(1.0 / std::sqrt(double(norm[slot]) + 1e-20));
    for (int t = 0; t < lattice.taps; t++) *weight++ *= factor;
  }
  filterOnes(pixels, constant.data(), compat);
}

void Term::invert(size_t pixels) {
  const size_t entries = pixels * lattice.taps;
  uint32_t* next = first_.resize(size_t(lattice.vertices) + 2);
  slot_.resize(entries);
  weight_.resize(entries);
  std::fill_n(next, size_t(lattice.vertices) + 2, 0);
  const int32_t* vertex = lattice.vertex.data();
  for (size_t e = 0; e < entries; e++) next[vertex[e] + 2]++;
  for (int32_t v = 2; v < lattice.vertices + 2; v++) next[v] += next[v - 1];
  for (size_t slot = 0, e = 0; slot < pixels; slot++) {
    for (int t = 0; t < lattice.taps; t++, e++) {
      const uint32_t entry = next[vertex[e] + 1]++;
      slot_[entry] = int32_t(slot);
      weight_[entry] = lattice.weight[e];
    }
  }
}

void Term::gatherSplat(const RowKernels& kernels, const float* rows, Team& team) {
  team.split(lattice.vertices, 256, [&](size_t begin, size_t end) {
    kernels.sum(first_.data(), slot_.data(), weight_.data(), rows, splatted.data(), int32_t(begin), int32_t(end), kernels.channels);
  });
}

}  // namespace tagmask::crf
