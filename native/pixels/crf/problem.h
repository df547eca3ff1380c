// What a call asks for. The arrays are the problem's own copies: the script may change or detach its arrays meanwhile.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "../bad-input.h"
#include "pixel-order.h"

namespace tagmask::pixels {

enum class Unary { energies, scores, labels };

struct Kernel {
  float sx, sy;           // pixels
  float sr = 0, sg = 0, sb = 0;  // grey levels; unused in the plane
  float compat;           // Potts weight
};

struct Problem {
  int width = 0, height = 0, labels = 0, iterations = 0, threads = 1;
  std::vector<uint8_t> rgb;  // [height][width][3]
  Unary unary = Unary::energies;
  std::vector<float> planes;     // energies or scores, [labels][height][width]
  std::optional<float> clip;     // scores: smallest probability, 1 being the largest
  std::optional<float> scale;    // scores: certainty of a score of 1, mixed with the uniform distribution
  std::vector<int32_t> labelMap;  // labels, [height][width]; negative where unsure
  double gtProb = 0;             // labels: probability of the given one
  std::optional<Kernel> gaussian, bilateral;

  size_t pixels() const { return size_t(width) * size_t(height); }
  PixelOrder order() const { return {width, height}; }
};

}  // namespace tagmask::pixels
