// Unary energies as the mean field wants them: per pixel, how far each label's lies below the last label's.
#pragma once
#include "problem.h"
#include "row-kernels.h"

namespace tagmask::pixels {

constexpr float kLog2e = 1.44269504f;  // the mean field works with base-2 exponentials

// bias[slot][c] = (U[last] - U[c]) / ln 2 for the pixels of the block; channels beyond the labels are hugely negative.
// Throws BadInput where a score or energy is no finite number.
void unaryBias(const Problem& problem, const RowKernels& kernels, const Block& block, float* bias);

}  // namespace tagmask::pixels
