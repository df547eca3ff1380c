// Which lattice simplex a feature vector lies in. Compiled once per instruction set (simplices.cc).
#pragma once
#include <cstdint>

namespace tagmask::pixels {

constexpr int kLanes = 16;          // pixels whose simplices are found together
constexpr int kMaxDimensions = 5;   // x, y, r, g, b

// A vertex's first D coordinates are congruent to r mod D + 1, 0 <= r <= D: coordinate i is (D + 1) q_i + r. A key
// packs r and the q_i into 64 bits, each as wide as the features' range needs. The last coordinate follows from these.
struct KeyLayout {
  int shift[kMaxDimensions + 1] = {};
  int32_t lowest[kMaxDimensions + 1] = {};    // subtracted from q_i
  uint64_t unit[kMaxDimensions + 1] = {};     // what adds 1 to q_i; 0 for the last coordinate
  uint64_t all = 0;                           // sum of the units
};

// scaled[i][lane]: feature i times its scale -> keys and weights [lane][D + 1] of the simplex around each.
using FindSimplices = void (*)(const float (*scaled)[kLanes], const KeyLayout& layout, uint64_t* keys, float* weights);

// For features of 2 (x, y) or 5 dimensions.
FindSimplices findSimplices(int dimensions);

}  // namespace tagmask::pixels
