// The bilateral filter of the lattice alone, without normalisation.
#pragma once
#include "problem.h"

namespace tagmask::pixels {

// Writes K planes [labels][height][width], K the lattice's kernel of problem.bilateral. Throws BadInput.
void bilateralFilter(const Problem& problem, float* filtered);

}  // namespace tagmask::pixels
