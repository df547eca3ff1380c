// Unary energies from energies, scores (pydensecrf's unary_from_softmax) or a label map (unary_from_labels).
#include "unary.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tagmask::pixels {
namespace {

constexpr float kNever = -1e30f;     // the logit of a padding channel
constexpr float kLargest = 1e6f;     // energies beyond are taken for a mistake

[[noreturn]] void refuse(size_t index, float value, const char* what) {
  throw BadInput("unary", "value " + std::to_string(index) + " is " + std::to_string(value) + ", which is " + what);
}

// One label's energies of a block, from its plane.
void blockEnergies(const Problem& problem, const RowKernels& kernels, size_t at, int pixels, float* energies) {
  const float* plane = problem.planes.data() + at;
  if (problem.unary == Unary::energies) {
    for (int p = 0; p < pixels; p++) {
      if (!(std::fabs(plane[p]) <= kLargest)) refuse(at + p, plane[p], "no energy between -1e6 and 1e6");
      energies[p] = plane[p] * kLog2e;
    }
    return;
  }
  const float scale = problem.scale.value_or(1.0f);
  const float uniform = problem.scale ? (1.0f - scale) / float(problem.labels) : 0.0f;
  const float lowest = problem.clip.value_or(1e-37f), highest = problem.clip ? 1.0f : 1e37f;
  bool wrong = false;
  for (int p = 0; p < pixels; p++) {
    const float score = scale * plane[p] + uniform;
    wrong |= !(std::fabs(plane[p]) <= 3e38f) || (!problem.clip && !(score >= lowest));
    energies[p] = std::min(std::max(score, lowest), highest);
  }
  if (wrong) {
    for (int p = 0; p < pixels; p++) {
      if (!(std::fabs(plane[p]) <= 3e38f)) refuse(at + p, plane[p], "no finite score");
      if (!problem.clip && !(scale * plane[p] + uniform >= lowest)) {
        refuse(at + p, plane[p], "no positive score, needed without a clip");
      }
    }
  }
  std::fill(energies + pixels, energies + kBlock, 1.0f);
  kernels.log2(energies, kBlock);
  for (int p = 0; p < pixels; p++) energies[p] = -energies[p];
}

void planesBias(const Problem& problem, const RowKernels& kernels, const Block& block, float* rows) {
  const int channels = kernels.channels, others = problem.labels - 1;
  float last[kBlock], energies[kBlock];
  blockEnergies(problem, kernels, size_t(others) * problem.pixels() + block.pixel, block.count, last);
  for (int label = 0; label < others; label++) {
    blockEnergies(problem, kernels, size_t(label) * problem.pixels() + block.pixel, block.count, energies);
    for (int p = 0; p < block.count; p++) rows[p * channels + label] = last[p] - energies[p];
  }
  for (int p = 0; p < block.count; p++) std::fill(rows + p * channels + others, rows + (p + 1) * channels, kNever);
}

void labelsBias(const Problem& problem, int channels, const Block& block, float* rows) {
  const int last = problem.labels - 1;
  const float given = float(-std::log2(problem.gtProb));
  const float other = float(-std::log2((1.0 - problem.gtProb) / last));
  for (int p = 0; p < block.count; p++, rows += channels) {
    const int32_t label = problem.labelMap[block.pixel + p];
    std::fill(rows, rows + last, label == last ? given - other : 0.0f);
    std::fill(rows + last, rows + channels, kNever);
    if (label >= 0 && label < last) rows[label] = other - given;
  }
}

}  // namespace

void unaryBias(const Problem& problem, const RowKernels& kernels, const Block& block, float* bias) {
  float* rows = bias + block.slot * kernels.channels;
  if (problem.unary == Unary::labels) return labelsBias(problem, kernels.channels, block, rows);
  planesBias(problem, kernels, block, rows);
}

}  // namespace tagmask::pixels
