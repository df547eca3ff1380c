// The inner loops of PAR: pixels side by side in vectors, one row of a tile at a time.
// Compiled once per instruction set (pixel-kernels.cc); dispatch.cc picks the widest the processor has.
#pragma once
#include <cstddef>

namespace tagmask::pixels {

constexpr int kColours = 3;
constexpr int kTile = 64;         // pixels; the widest row the kernels are given, a multiple of every vector's width
constexpr int kMostChannels = 8;  // masks that one call of `average` takes

struct PixelKernels {
  // weight[n][x] = softmax over n of the colour term + position[n], for x < width, a multiple of 8.
  // neighbour[n] + x is neighbour n's place in a plane of the image, pixel + x the place of the pixel itself.
  void (*weigh)(const float* const* planes, const ptrdiff_t* neighbour, ptrdiff_t pixel, int neighbours,
                const float* position, float w1, float* weight, int width);
  // out[c][x] = sum over n of weight[n][x] * masks[c * plane + neighbour[n] + x]; out's rows are kTile wide.
  void (*average)(const float* masks, size_t plane, int channels, const ptrdiff_t* neighbour, int neighbours,
                  const float* weight, float* out, int width);
};

PixelKernels pixelKernels();

}  // namespace tagmask::pixels
