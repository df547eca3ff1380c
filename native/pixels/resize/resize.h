// Pillow's antialiased resize of bytes, bit for bit: fixed-point weights, two passes (libImaging/Resample.c).
#pragma once
#include <cstddef>
#include <cstdint>

namespace tagmask::pixels {

// A box of an RGB image, and the size it is to have.
struct ResizeProblem {
  const uint8_t* source;  // HWC
  int sourceWidth;
  int x, y, boxWidth, boxHeight;
  int width, height;
  bool bicubic;  // else bilinear
};

// Writes height * width * 3 bytes. Nothing outside the box is read.
void resize(const ResizeProblem& problem, uint8_t* out);

}  // namespace tagmask::pixels
