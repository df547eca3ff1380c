// What a call asks of the dense CRF, or of its bilateral filter alone.
#pragma once
#include "../request.h"
#include "problem.h"

namespace tagmask::pixels {

// Throws BadInput.
Problem readProblem(const Request& request);
Problem readFilterProblem(const Request& request);

}  // namespace tagmask::pixels
