// The order in which pixels are stored and visited: down strips kBlock pixels wide, so that successive blocks, the rows
// of a strip, touch the same lattice vertices while these are in the cache. A pixel's place in it is its slot.
#pragma once
#include <algorithm>
#include <cstddef>

#include "row-kernels.h"

namespace tagmask::crf {

// `count` pixels side by side, whose slots are consecutive too.
struct Block {
  int x, y, count;
  size_t pixel, slot;  // of the first
};

struct PixelOrder {
  int width, height;

  size_t blocks() const { return (size_t(width) + kBlock - 1) / kBlock * height; }

  Block block(size_t index) const {
    const int x = int(index / height) * kBlock, y = int(index % height);
    const int count = std::min(kBlock, width - x);
    return {x, y, count, size_t(y) * width + x, size_t(x) * height + size_t(y) * count};
  }
};

}  // namespace tagmask::crf
