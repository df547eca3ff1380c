// The kernels of PAR for one instruction set: PIXELS_ISA names it, PIXELS_LANES is its width in floats.
// Uses nothing of the standard library's templates: the linker could hand their wide code to baseline callers.
#include "pixel-kernels.h"

#include "../vector.h"

namespace tagmask::pixels::PIXELS_ISA {
namespace {

typedef Lanes<PIXELS_LANES>::Float F;

inline F squareRoot(F value) {
  for (int i = 0; i < PIXELS_LANES; i++) value[i] = __builtin_sqrtf(value[i]);
  return value;
}

// The unbiased standard deviation over the neighbours. Differences from the first of them: exact where all are alike.
inline F deviation(const float* plane, const ptrdiff_t* neighbour, int neighbours) {
  const F first = load<F>(plane + neighbour[0]);
  F sum{};
  for (int n = 1; n < neighbours; n++) sum += load<F>(plane + neighbour[n]) - first;
  const F mean = sum / float(neighbours);
  F squares = mean * mean;
  for (int n = 1; n < neighbours; n++) {
    const F difference = load<F>(plane + neighbour[n]) - first - mean;
    squares = multiplyAdd(difference, difference, squares);
  }
  return squareRoot(squares / float(neighbours - 1));
}

void weigh(const float* const* planes, const ptrdiff_t* neighbour, ptrdiff_t pixel, int neighbours,
           const float* position, float w1, float* weight, int width) {
  for (int x = 0; x < width; x += PIXELS_LANES) {
    F scale[kColours];
    for (int c = 0; c < kColours; c++) scale[c] = deviation(planes[c] + x, neighbour, neighbours) + 1e-8f;
    F top = broadcast<F>(-3.4e38f);
    for (int n = 0; n < neighbours; n++) {
      F sum{};
      for (int c = 0; c < kColours; c++) {
        const F term = (load<F>(planes[c] + neighbour[n] + x) - load<F>(planes[c] + pixel + x)) / scale[c] / w1;
        sum -= term * term;
      }
      sum /= float(kColours);
      store(weight + n * width + x, sum);
      top = sum > top ? sum : top;
    }
    F total{};
    for (int n = 0; n < neighbours; n++) {
      const F power = exp2Negative<PIXELS_LANES>((load<F>(weight + n * width + x) - top) * 1.44269504f);
      store(weight + n * width + x, power);
      total += power;
    }
    const F inverse = 1.0f / total;
    for (int n = 0; n < neighbours; n++) {
      float* const at = weight + n * width + x;
      store(at, multiplyAdd(load<F>(at), inverse, broadcast<F>(position[n])));
    }
  }
}

// Channels * Vectors sums are under way at once, so that their additions need not wait for one another.
template <int Channels, int Vectors>
inline void averageAt(int x, const float* masks, size_t plane, const ptrdiff_t* neighbour, int neighbours,
                      const float* weight, float* out, int width) {
  F sum[Channels][Vectors] = {};
  for (int n = 0; n < neighbours; n++) {
    const float* from = masks + neighbour[n] + x;
    F share[Vectors];
    for (int v = 0; v < Vectors; v++) share[v] = load<F>(weight + n * width + x + v * PIXELS_LANES);
    for (int c = 0; c < Channels; c++, from += plane) {
      for (int v = 0; v < Vectors; v++) sum[c][v] = multiplyAdd(share[v], load<F>(from + v * PIXELS_LANES), sum[c][v]);
    }
  }
  for (int c = 0; c < Channels; c++) {
    for (int v = 0; v < Vectors; v++) store(out + c * kTile + x + v * PIXELS_LANES, sum[c][v]);
  }
}

template <int Channels>
void averageRow(const float* masks, size_t plane, const ptrdiff_t* neighbour, int neighbours, const float* weight,
                float* out, int width) {
  constexpr int vectors = kMostChannels / Channels;
  constexpr int step = vectors * PIXELS_LANES;
  int x = 0;
  for (; x + step <= width; x += step) {
    averageAt<Channels, vectors>(x, masks, plane, neighbour, neighbours, weight, out, width);
  }
  for (; x < width; x += PIXELS_LANES) {
    averageAt<Channels, 1>(x, masks, plane, neighbour, neighbours, weight, out, width);
  }
}

void average(const float* masks, size_t plane, int channels, const ptrdiff_t* neighbour, int neighbours,
             const float* weight, float* out, int width) {
  switch (channels) {
    case 1: return averageRow<1>(masks, plane, neighbour, neighbours, weight, out, width);
    case 2: return averageRow<2>(masks, plane, neighbour, neighbours, weight, out, width);
    case 3: return averageRow<3>(masks, plane, neighbour, neighbours, weight, out, width);
    case 4: return averageRow<4>(masks, plane, neighbour, neighbours, weight, out, width);
    case 5: return averageRow<5>(masks, plane, neighbour, neighbours, weight, out, width);
    case 6: return averageRow<6>(masks, plane, neighbour, neighbours, weight, out, width);
    case 7: return averageRow<7>(masks, plane, neighbour, neighbours, weight, out, width);
    default: return averageRow<8>(masks, plane, neighbour, neighbours, weight, out, width);
  }
}

}  // namespace

PixelKernels pixelKernels() { return {weigh, average}; }

}  // namespace tagmask::pixels::PIXELS_ISA
