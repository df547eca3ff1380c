// The order in which pixels are stored and visited: down strips kBlock pixels wide, so that successive blocks, the rows
// of a strip, touch the same lattice vertices while these are in the cache. A pixel's place in it is its slot.
#pragma once
#include <algorithm>
#include <cstddef>

#include "row-kernels.h"

namespace tagmask::pixels {

constexpr size_t kSegmentPixels = size_t{1} << 15;

// `count` pixels side by side, whose slots are consecutive too.
struct Block {
  int x, y, count;
  size_t pixel, slot;  // of the first
};

struct PixelOrder {
  int width, height;

  size_t pixels() const { return size_t(width) * height; }

  Block block(size_t index) const {
    const int x = int(index / height) * kBlock, y = int(index % height);
    const int count = std::min(kBlock, width - x);
    return {x, y, count, size_t(y) * width + x, size_t(x) * height + size_t(y) * count};
  }

  // Segments are runs of whole strips, the units of work inside an image. They depend on its size alone, not on the
  // number of threads, and so do the orders of all sums.
  int segments() const { return int(std::clamp<size_t>((pixels() + kSegmentPixels / 2) / kSegmentPixels, 1, strips())); }
  size_t firstBlock(int segment) const { return strips() * segment / segments() * height; }
  size_t firstSlot(int segment) const { return segment == segments() ? pixels() : block(firstBlock(segment)).slot; }

  template <class Task>
  void eachBlock(int segment, Task task) const {
    for (size_t b = firstBlock(segment); b < firstBlock(segment + 1); b++) task(block(b));
  }

 private:
  size_t strips() const { return (size_t(width) + kBlock - 1) / kBlock; }
};

}  // namespace tagmask::pixels
