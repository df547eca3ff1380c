// The inner loops of the resize, compiled once per instruction set (resize-kernels.cc); dispatch.cc picks the widest.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tagmask::pixels {

constexpr int kPrecisionBits = 32 - 8 - 2;  // of the weights' fractions
constexpr int kRgb = 3;

// Which source pixels make an output pixel: `count` from `start` on, each with its weight.
struct Tap {
  int32_t start;
  int32_t count;
  const int32_t* weights;
};

struct ResizeKernels {
  // One row of RGB pixels to `width` of them. A byte behind the source's last pixel is read, and not used.
  void (*row)(const uint8_t* source, const Tap* taps, int width, uint8_t* out);
  // `length` bytes, each from tap.count rows that lie `stride` bytes apart; source is the first of them.
  void (*column)(const uint8_t* source, size_t stride, Tap tap, size_t length, uint8_t* out);
};

ResizeKernels resizeKernels();

}  // namespace tagmask::pixels
