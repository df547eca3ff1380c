// The two passes of the resize, and the weights of each.
#include "resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "resize-kernels.h"

namespace tagmask::pixels {
namespace {

double bicubic(double distance) {
  const double a = -0.5, x = std::abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double bilinear(double distance) { return std::max(0.0, 1 - std::abs(distance)); }

struct Taps {
  std::vector<Tap> of;  // each output
  std::vector<int32_t> weights;
};

// precompute_coeffs and normalize_coeffs_8bpc.
Taps tapsOf(int inputs, int outputs, bool cubic) {
  const double scale = double(inputs) / outputs, stretch = std::max(scale, 1.0);
  const double support = (cubic ? 2 : 1) * stretch;
  const int most = int(std::ceil(support)) * 2 + 1;
  Taps taps{std::vector<Tap>(outputs), std::vector<int32_t>(size_t(outputs) * most)};
  std::vector<double> row(most);
  for (int out = 0; out < outputs; out++) {
    const double centre = (out + 0.5) * scale;
    const int start = std::max(0, int(centre - support + 0.5));
    const int count = std::min(inputs, int(centre + support + 0.5)) - start;
    double total = 0;
    for (int k = 0; k < count; k++) {
      const double distance = (k + start - centre + 0.5) * (1 / stretch);
      row[k] = cubic ? bicubic(distance) : bilinear(distance);
      total += row[k];
    }
    int32_t* const weights = taps.weights.data() + size_t(out) * most;
    for (int k = 0; k < count; k++) {
      const double weight = (total == 0 ? row[k] : row[k] / total) * (1 << kPrecisionBits);
      weights[k] = int32_t(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    taps.of[out] = {start, count, weights};
  }
  return taps;
}

}  // namespace

void resize(const ResizeProblem& problem, uint8_t* out) {
  const ResizeKernels kernels = resizeKernels();
  const auto& [source, sourceWidth, left, top, boxWidth, boxHeight, width, height, cubic] = problem;
  const size_t sourceStride = size_t(sourceWidth) * kRgb, stride = size_t(width) * kRgb;
  const uint8_t* const box = source + top * sourceStride + size_t(left) * kRgb;
  std::vector<uint8_t> between;  // the box at the new width
  const uint8_t* rows = box;
  size_t rowStride = sourceStride;
  if (width != boxWidth) {
    uint8_t* made = out;
    if (height != boxHeight) {
      between.resize(stride * boxHeight);
      made = between.data();
    }
    const Taps taps = tapsOf(boxWidth, width, cubic);
    const auto narrow = [&](const uint8_t* from, int y) { kernels.row(from, taps.of.data(), width, made + y * stride); };
    for (int y = 0; y < boxHeight - 1; y++) narrow(box + y * sourceStride, y);
    std::vector<uint8_t> last(size_t(boxWidth) * kRgb + 1);  // there may be no byte behind the image's last row
    std::copy_n(box + (boxHeight - 1) * sourceStride, boxWidth * kRgb, last.data());
    narrow(last.data(), boxHeight - 1);
    if (height == boxHeight) return;
    rows = made;
    rowStride = stride;
  }
  const Taps taps = tapsOf(boxHeight, height, cubic);
  for (int y = 0; y < height; y++)
    kernels.column(rows + taps.of[y].start * rowStride, rowStride, taps.of[y], stride, out + y * stride);
}

}  // namespace tagmask::pixels
