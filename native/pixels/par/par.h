// Pixel-adaptive refinement (PAR) of AFA (Ru et al. 2022): masks averaged over dilated neighbours of like colour.
#pragma once
#include <cstddef>
#include <vector>

namespace tagmask::pixels {

struct ParProblem {
  int width = 0, height = 0, channels = 0, iterations = 0, threads = 1;
  int maskWidth = 0, maskHeight = 0;
  std::vector<int> dilations;  // pixels; each has eight neighbours
  float w1 = 0, w2 = 0;        // how alike neighbours must be; share of the distances
  std::vector<float> image;    // [3][height][width]
  std::vector<float> masks;    // [channels][maskHeight][maskWidth]; given up once they have the image's size

  size_t pixels() const { return size_t(width) * size_t(height); }
};

// Writes the masks [channels][height][width] after problem.iterations passes. The result does not depend on
// problem.threads.
void refineMasks(ParProblem& problem, float* refined);

}  // namespace tagmask::pixels
