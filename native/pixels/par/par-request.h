// What a call asks of PAR.
#pragma once
#include "../request.h"
#include "par.h"

namespace tagmask::pixels {

// Throws BadInput.
ParProblem readParProblem(const Request& request);

}  // namespace tagmask::pixels
