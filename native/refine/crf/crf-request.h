// What a call asks of the dense CRF.
#pragma once
#include "../request.h"
#include "problem.h"

namespace tagmask::refine {

// Throws BadInput.
Problem readProblem(const Request& request);

}  // namespace tagmask::refine
