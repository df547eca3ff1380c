// The permutohedral lattice of Adams, Baek and Davis (2010): the vertices around each pixel's feature vector, their
// barycentric weights, and each vertex's neighbours along the lattice axes. Every segment of the image has copies of
// its own, called rows, of the vertices it touches: it splats into and slices from them while the others do the same.
#pragma once
#include <vector>

#include "../buffer.h"
#include "problem.h"
#include "row-kernels.h"
#include "../team.h"

namespace tagmask::pixels {

struct Lattice {
  int taps = 0;  // vertices around a pixel: feature dimensions + 1
  int32_t vertices = 0;
  Buffer<Neighbours> neighbours;   // [taps][vertices]; `vertices` itself stands for a missing neighbour

  std::vector<int32_t> firstRow;   // [segments + 1]
  Buffer<int32_t> row;             // [slots][taps], counted from the segment's first
  Buffer<float> weight;            // [slots][taps], each pixel's adding up to 1
  Buffer<int32_t> vertexOfRow;     // [rows]
  Buffer<uint32_t> firstOfVertex;  // [vertices + 1]: where a vertex's rows begin in rowOfVertex
  Buffer<int32_t> rowOfVertex;     // [rows], in the order of the segments

  int32_t rows() const { return firstRow.back(); }

  // Features (x/sx, y/sy). Throws BadInput where the deviations are too small for the lattice's coordinates.
  void buildPlane(const Problem& problem, const Kernel& kernel, Team& team);
  // Features (x/sx, y/sy, r/sr, g/sg, b/sb).
  void buildColour(const Problem& problem, const Kernel& kernel, Team& team);
};

}  // namespace tagmask::pixels
