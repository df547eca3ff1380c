// The permutohedral lattice of Adams, Baek and Davis (2010): the vertices around each pixel's feature vector, their
// barycentric weights, and each vertex's neighbours along the lattice axes.
#pragma once
#include "buffer.h"
#include "problem.h"
#include "row-kernels.h"

namespace tagmask::crf {

struct Lattice {
  int taps = 0;          // vertices around a pixel: feature dimensions + 1
  int32_t vertices = 0;
  Buffer<int32_t> vertex;        // [slots][taps]
  Buffer<float> weight;          // [slots][taps], each pixel's adding up to 1
  Buffer<Neighbours> neighbours;  // [taps][vertices]; `vertices` itself stands for a missing neighbour

  // Features (x/sx, y/sy). Throws BadInput where the deviations are too small for the lattice's coordinates.
  void buildPlane(const Problem& problem, const Kernel& kernel);
  // Features (x/sx, y/sy, r/sr, g/sg, b/sb).
  void buildColour(const Problem& problem, const Kernel& kernel);
};

}  // namespace tagmask::crf
