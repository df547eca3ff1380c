// The inner loops of the filter: operations on rows of `channels` floats, one a pixel or lattice vertex.
// Compiled once per instruction set (row-kernels.cc); dispatch.cc picks the widest the processor has.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tagmask::pixels {

constexpr int kBlock = 32;  // pixels handled together, so that their rows stay in the first-level cache

struct Neighbours {
  int32_t before, after;  // one step down and up a lattice axis; the index of an all-zero row where there is no vertex
};

struct RowKernels {
  int channels;  // floats a row: 1, or a multiple of 4

  // out[p] (+)= sum_t weight[p][t] * values[row[p][t]]; taps is 3 (plane) or 6 (plane and colour)
  void (*gather)(int taps, const int32_t* row, const float* weight, const float* values, float* out, int pixels,
                 int channels, bool add);
  // values[row[p][t]] += weight[p][t] * in[p]
  void (*scatter)(int taps, const int32_t* row, const float* weight, float* values, const float* in, int pixels,
                  int channels);
  // out[v] = sum of in[copy[e]] over first[v] <= e < first[v + 1], for begin <= v < end
  void (*collect)(const uint32_t* first, const int32_t* copy, const float* in, float* out, int32_t begin, int32_t end,
                  int channels);
  // out[i] = scale * (in[v] + (in[before] + in[after]) / 2) for begin <= i < end, where v and the neighbours' v is
  // vertex[i], or i where vertex is null
  void (*blur)(const Neighbours* neighbours, const int32_t* vertex, const float* in, float* out, int32_t begin,
               int32_t end, float scale, int channels);
  // Label probabilities of a block from base-2 logits: bias + rows + (sum of rows), the last label's being 0.
  // rows is overwritten with the probabilities, last receives the last label's. Reads up to a multiple of 4 pixels.
  void (*softmax)(float* rows, const float* bias, float* last, int pixels, int channels);
  // values[i] = log2(values[i]), for positive normal values; n is a multiple of 16
  void (*log2)(float* values, int n);
};

// Floats a row for a number of labels: the last label's message follows from the others', so it has no channel.
inline int rowChannels(int labels) { return labels <= 2 ? 1 : (labels - 1 + 3) / 4 * 4; }

RowKernels rowKernels(int channels);

}  // namespace tagmask::pixels
