// What a call asks of PAR.
#pragma once
#include "../request.h"
#include "par.h"

namespace tagmask::refine {

// Throws BadInput.
ParProblem readParProblem(const Request& request);

}  // namespace tagmask::refine
