// Unary energies as the mean field wants them: per pixel, how far each label's lies below the last label's.
#pragma once
#include "problem.h"
#include "row-kernels.h"

namespace tagmask::crf {

// bias[p][c] = U[last][p] - U[c][p] for begin <= p < end; channels beyond the labels are hugely negative.
// begin is a multiple of kBlock. Throws BadInput where a score or energy is no finite number.
void unaryBias(const Problem& problem, const RowKernels& kernels, float* bias, size_t begin, size_t end);

}  // namespace tagmask::crf
