// Mean-field inference in the fully connected CRF of Krähenbühl and Koltun (2011) with Potts compatibilities.
#pragma once
#include "problem.h"

namespace tagmask::pixels {

// Writes the label probabilities [labels][height][width] after problem.iterations steps that start from
// softmax(-unary). The result does not depend on problem.threads. Throws BadInput.
void infer(const Problem& problem, float* probabilities);

}  // namespace tagmask::pixels
